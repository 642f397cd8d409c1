// Keeps the parts of a page that say data-live up to date: asks for the page again every two seconds and takes over
// those parts. When none is left that changes, the page is loaded once more, for whatever else is different at the end.
const SECONDS = 2;

async function refresh() {
  if (document.hidden) return true;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return true;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  let isMoving = false;
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = page.getElementById(part.id);
    if (!now) continue;
    part.className = now.className;
    if (part.innerHTML !== now.innerHTML) part.replaceChildren(...now.childNodes);
    isMoving ||= now.hasAttribute("data-live");
  }
  return isMoving;
}

async function follow() {
  try {
    if (!(await refresh())) return location.reload();
  } catch {
    // The server may be restarting: ask again.
  }
  setTimeout(follow, SECONDS * 1000);
}

setTimeout(follow, SECONDS * 1000);
