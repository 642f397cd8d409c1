// Hands what the authorization server answered to the page of the reference that asked, and goes away.

if (opener && opener !== window) {
  opener.postMessage(Object.fromEntries(new URLSearchParams(location.search)), location.origin);
  close();
}
