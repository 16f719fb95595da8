// Streamlit adds two entries to the browser's history on the way to another page: the parameters of the new page at the address
// of the old one, and the new page. A page that completes its address adds one more. Back would lead to these half addresses.
// So an entry replaces the one before if the reader did nothing in between, or only ticked images: Back is for places.
const place = address => {
  const url = new URL(address ?? "", location.href)
  url.searchParams.delete("ticked")
  url.searchParams.sort()
  return url.href
}
export default function () {
  if (history.pushState.replaces) return
  const push = history.pushState
  let acted = navigator.userActivation?.hasBeenActive ?? true // since the newest entry
  history.pushState = function (...entry) {
    ;(acted && place(entry[2]) !== place() ? push : history.replaceState).apply(history, entry)
    acted = false
  }
  history.pushState.replaces = true
  for (const act of ["pointerdown", "click", "keydown", "drop", "change"]) addEventListener(act, () => (acted = true), true)
  addEventListener("popstate", () => (acted = false), true)
}
