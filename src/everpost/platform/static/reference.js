// The reference's Try: Swagger UI on one operation, and a token that lives in this page's memory only.
// Going from one operation to the next changes the page in place, so that the token stays.

let token = null;
let specification = null;

// Authorization: code flow with PKCE in a window of its own.

function askInWindow(attempt) {
  const { server, client, scope, callback, challenge } = attempt.dataset;
  const state = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const query = new URLSearchParams({
    client_id: client, redirect_uri: callback, response_type: "code", scope, state,
    code_challenge: challenge, code_challenge_method: "S256",
  });
  const asking = open(`${server}/oauth2/default/v1/authorize?${query}`, "everpost-sign-in", "popup,width=520,height=760");
  return new Promise((resolve, reject) => {
    if (!asking) return reject(new Error("The browser did not open a window to sign in. Allow pop-ups for this page."));
    const hear = (event) => {
      if (event.origin !== new URL(callback).origin || event.data.state !== state) return;
      removeEventListener("message", hear);
      event.data.code ? resolve(event.data.code) : reject(new Error("Access was not granted."));
    };
    addEventListener("message", hear);
  });
}

async function signIn(attempt) {
  const { server, client, callback, verifier } = attempt.dataset;
  const code = await askInWindow(attempt);
  const body = new URLSearchParams({
    grant_type: "authorization_code", code, redirect_uri: callback, client_id: client, code_verifier: verifier,
  });
  const answer = await fetch(`${server}/oauth2/default/v1/token`, { method: "POST", body });
  if (!answer.ok) throw new Error("Signing in failed. Reload the page and try again.");
  token = (await answer.json()).access_token;
}

async function signOut(attempt) {
  const { server, client } = attempt.dataset;
  const body = new URLSearchParams({ token, client_id: client });
  token = null;
  await fetch(`${server}/oauth2/default/v1/revoke`, { method: "POST", body });
}

function showAccount(attempt, message) {
  attempt.querySelector("[data-sign-in]").textContent = token ? "Sign out" : "Sign in";
  attempt.querySelector("[data-who]").textContent = message ?? (token ? "Signed in until you leave this page." : "Not signed in.");
}

async function toggleAccount(attempt) {
  // Under another name of this machine, the authorization server could not hand over the token.
  if (location.origin !== new URL(attempt.dataset.callback).origin) {
    location.href = new URL(attempt.dataset.callback).origin + location.pathname + "#try";
    return;
  }
  try {
    await (token ? signOut(attempt) : signIn(attempt));
    showAccount(attempt);
  } catch (error) {
    showAccount(attempt, error.message);
  }
}

// The form: Swagger UI, told about this operation alone.

// Several values go into one field, joined by commas, as they do in the address.
function asOneField(parameter) {
  const isFree = parameter.schema.type === "array" && !parameter.schema.items.enum;
  return isFree ? { ...parameter, schema: { type: "string" } } : parameter;
}

// The fields of an upload begin empty, and not with the word "string".
function withEmptyParts(body) {
  const upload = body.content["multipart/form-data"];
  if (!upload) return body;
  const properties = Object.entries(upload.schema.properties).map(([name, { examples, ...part }]) => [name, { ...part, example: "" }]);
  const schema = { ...upload.schema, properties: Object.fromEntries(properties) };
  return { ...body, content: { "multipart/form-data": { schema } } };
}

function only(name) {
  for (const [path, methods] of Object.entries(specification.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.operationId === name) {
        // The page around the form says the rest.
        const parameters = operation.parameters.map(asOneField);
        const requestBody = operation.requestBody && withEmptyParts(operation.requestBody);
        const form = { operationId: name, tags: ["Try it"], parameters, requestBody, responses: operation.responses };
        return { ...specification, tags: [], paths: { [path]: { [method]: form } } };
      }
    }
  }
}

const masked = (headers) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, name === "Authorization" ? "Bearer ***" : value]));

const plugin = ({ React }) => ({
  components: {
    OperationLayout: ({ getComponent }) => React.createElement(getComponent("operations", true)),
    OperationTag: ({ children }) => React.createElement("div", null, children),
    OperationSummary: () => null,
    TryItOutButton: () => null,
  },
  wrapComponents: {
    // What may come back stands on the page below; here is what did come back.
    responses: (original, { getComponent, getConfigs }) => ({ tryItOutResponse, specSelectors, path, method, displayRequestDuration }) =>
      tryItOutResponse && React.createElement(
        "div", { role: "status" },
        React.createElement(getComponent("liveResponse"), {
          response: tryItOutResponse, getComponent, getConfigs, specSelectors, path, method, displayRequestDuration,
        })),
  },
  statePlugins: {
    spec: {
      wrapActions: {
        setMutatedRequest: (original) => (path, method, request) =>
          original(path, method, { ...request, headers: masked(request.headers ?? {}) }),
      },
    },
  },
});

function load(address) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: address, onload: resolve, onerror: reject });
    document.head.append(script);
  });
}

async function showForm(attempt) {
  if (!window.SwaggerUIBundle) await load(attempt.dataset.script);
  specification ??= await (await fetch(attempt.dataset.document)).json();
  SwaggerUIBundle({
    spec: only(attempt.dataset.operation),
    domNode: attempt.querySelector("[data-form]"),
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [plugin],
    layout: "OperationLayout",
    docExpansion: "full",
    defaultModelsExpandDepth: -1,
    tryItOutEnabled: true,
    validatorUrl: null,
    syntaxHighlight: false,
    requestInterceptor: (request) => {
      if (token) request.headers.Authorization = `Bearer ${token}`;
      return request;
    },
    onComplete: () => label(attempt),
  });
}

// Swagger UI names its fields in the cell beside them; people who do not see that need it said.
function label(attempt) {
  const name = (field) => {
    const row = field.closest("tr");
    const words = row?.querySelector(".parameter__name")?.firstChild?.textContent ?? "Request body";
    if (!field.labels?.length) field.setAttribute("aria-label", words.trim());
  };
  const nameAll = () => {
    attempt.querySelectorAll("input, select, textarea").forEach(name);
    attempt.querySelectorAll("label[id]").forEach((each) => each.removeAttribute("id")); // the field inside has it too
  };
  new MutationObserver(nameAll).observe(attempt, { childList: true, subtree: true });
  nameAll();
}

// On its way to the button a click passes here first.
function askBeforeDeleting(event) {
  const isAboutTo = event.target.closest("button.execute") && event.currentTarget.dataset.method === "DELETE";
  if (isAboutTo && !confirm("This deletes real data of your account. Go on?")) event.stopPropagation();
}

function begin() {
  const attempt = document.querySelector("#try[data-operation]");
  if (!attempt) return;
  const button = attempt.querySelector("[data-sign-in]");
  button.hidden = false;
  button.addEventListener("click", () => toggleAccount(attempt));
  attempt.addEventListener("click", askBeforeDeleting, { capture: true });
  showAccount(attempt);
  showForm(attempt);
}

// From one operation to the next without a new page, which would forget the token.

async function goTo(address) {
  const answer = await fetch(address);
  if (!answer.ok) {
    location.href = address;
    return;
  }
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.title = next.title;
  document.querySelector("main").replaceWith(next.querySelector("main"));
  begin();
}

function isOperation(link) {
  return link.origin === location.origin && link.pathname.startsWith("/reference/") && !link.hash;
}

addEventListener("click", async (event) => {
  const link = event.target.closest("a[href]");
  if (!link || !isOperation(link) || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  await goTo(link.href);
  scrollTo(0, 0);
  document.querySelector("main").focus({ preventScroll: true });
});
addEventListener("popstate", () => goTo(location.href));

begin();
