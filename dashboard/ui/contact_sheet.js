// A contact sheet: tiles cut from one sprite, by mouse and by keyboard.
// Data: sprite, columns, rows, ratio, side, few (at most five stand side by side, two on a phone), name, items [{index, text, note, tone, alt}], selected [index], heard,
// pixelated, opens (a click opens an image), selects (images can be selected), judges (R and W say whether the prediction
// for the image in focus or under the pointer is right), verdicts {index: text}.
// Trigger "told": {selected, among: the indices of this page, sent, opened: the index of an image to look at, or null,
// judged: [{index, right, sent}], all that the server may not have heard yet}.
// `sent` numbers the messages. The server answers with the last number that it heard, so that an answer to an earlier
// message does not undo later clicks.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".sheet")
  const drawn = JSON.stringify([data.items, data.columns, data.ratio, data.side, data.few]) + data.sprite.length
  let sheet = root.sheet
  if (!sheet || sheet.drawn !== drawn) {
    tellWaiting()
    sheet = root.sheet = { drawn, selected: new Set(data.selected), last: 0, sent: data.heard, judged: [] }
    draw()
  } else if (!sheet.timer && data.heard >= sheet.sent) {
    sheet.selected = new Set(data.selected)
  }
  sheet.setTriggerValue = setTriggerValue
  sheet.judged = sheet.judged.filter((each) => each.sent > data.heard)
  root.setAttribute("aria-label", data.name)
  mark()
  // A click elsewhere, such as on another page, must not come before what was just selected.
  const elsewhere = (event) => event.composedPath().includes(root) || tellWaiting()
  document.addEventListener("pointerdown", elsewhere, true)
  document.addEventListener("keydown", judgeHovered, true)
  root.onfocusout = (event) => root.contains(event.relatedTarget) || tellWaiting()
  root.onfocusin = () => { sheet.pointed = false }
  // A browser also reports a pointer that rests while the page scrolls below it.
  root.onpointermove = (event) => { if (event.movementX || event.movementY) sheet.pointed = true }
  root.forget?.()
  root.forget = () => {
    document.removeEventListener("pointerdown", elsewhere, true)
    document.removeEventListener("keydown", judgeHovered, true)
  }
  return () => {
    root.forget()
    // With the picture that was opened, the focus is gone, too: Tab would begin at the top of the sidebar.
    if (sheet.left && document.activeElement === document.body) document.querySelector("main")?.focus({ preventScroll: true })
  }

  function draw() {
    root.replaceChildren(...data.items.map(tile))
    root.style.setProperty("--side", `${data.side}px`)
    root.classList.toggle("few", data.few)
    root.onkeydown = move
  }

  function tile(item, place) {
    const cell = document.createElement("div")
    cell.className = "cell"
    const picture = document.createElement("button")
    picture.type = "button"
    picture.className = "picture"
    picture.title = item.alt
    picture.setAttribute("aria-label", item.alt)
    picture.tabIndex = place === 0 ? 0 : -1
    picture.style.aspectRatio = data.ratio
    picture.style.backgroundImage = `url("${data.sprite}")`
    picture.style.backgroundSize = `${100 * data.columns}% ${100 * data.rows}%`
    const column = place % data.columns, row = Math.floor(place / data.columns)
    const along = (at, of) => (of > 1 ? `${(100 * at) / (of - 1)}%` : "0")
    picture.style.backgroundPosition = `${along(column, data.columns)} ${along(row, data.rows)}`
    picture.style.imageRendering = data.pixelated ? "pixelated" : "auto"
    picture.onclick = (event) => {
      const selecting = event.shiftKey || event.ctrlKey || event.metaKey || !data.opens
      if (selecting && data.selects) select(place, event.shiftKey)
      else if (data.opens) tell(item.index)
    }
    const box = document.createElement("input")
    box.type = "checkbox"
    box.tabIndex = -1
    box.setAttribute("aria-label", `Select ${item.alt}`)
    box.onclick = (event) => select(place, event.shiftKey)
    const texts = item.text.split("\n").map((line) => {
      const text = document.createElement("div")
      text.className = "text"
      text.textContent = line
      if (!data.selects) {  // the words below belong to the picture
        text.onclick = () => picture.click()
        text.style.cursor = "pointer"
      }
      return text
    })
    const note = document.createElement("div")
    note.className = `note ${item.tone}`
    note.textContent = item.note
    const said = document.createElement("div")
    said.className = "note said"
    said.setAttribute("role", "status")
    cell.append(...(data.selects ? [picture, box] : [picture]), ...texts, note, ...(data.judges ? [said] : []))
    return cell
  }

  function select(place, range) {
    const from = range ? Math.min(place, sheet.last) : place, to = range ? Math.max(place, sheet.last) : place
    const on = range || !sheet.selected.has(data.items[place].index)
    for (let i = from; i <= to; i++) {
      if (on) sheet.selected.add(data.items[i].index)
      else sheet.selected.delete(data.items[i].index)
    }
    sheet.last = place
    mark()
    clearTimeout(sheet.timer)  // several clicks in a row are told at once
    sheet.tell = tell
    sheet.timer = setTimeout(tell, 350)
  }

  function tell(opened = null) {
    clearTimeout(sheet.timer)
    sheet.timer = 0
    sheet.sent += 1
    sheet.left = opened !== null
    const among = data.items.map((item) => item.index)
    const selected = among.filter((index) => sheet.selected.has(index))
    sheet.setTriggerValue("told", { selected, among, sent: sheet.sent, opened, judged: sheet.judged })
  }

  function judge(place, right) {
    sheet.judged.push({ index: data.items[place].index, right, sent: sheet.sent + 1 })
    tell()
  }

  function tellWaiting() {
    if (root.sheet?.timer) root.sheet.tell()
  }

  function mark() {
    ;[...root.children].forEach((cell, place) => {
      const on = sheet.selected.has(data.items[place].index)
      cell.classList.toggle("selected", on)
      if (data.judges) cell.querySelector(".said").textContent = data.verdicts[data.items[place].index] ?? ""
      if (!data.selects) return
      cell.querySelector("input").checked = on
      cell.querySelector(".picture").setAttribute("aria-pressed", on)
    })
  }

  function judgeByKey(event, place) {
    const letter = event.key.toLowerCase()
    if (!data.judges || !["r", "w"].includes(letter) || event.ctrlKey || event.metaKey || event.altKey) return false
    event.preventDefault()
    event.stopImmediatePropagation()  // R alone makes Streamlit run the page again
    if (!event.repeat) judge(place, letter === "r")
    return true
  }

  // The pointer chooses the image, unless the letters go into a box, or the keyboard went to an image after the pointer.
  function judgeHovered(event) {
    const focused = event.composedPath()[0]
    if (isTypedIn(focused) || (focused.classList.contains("picture") && !sheet.pointed)) return
    const place = [...root.children].findIndex((cell) => cell.matches(":hover"))
    if (place >= 0) judgeByKey(event, place)
  }

  // A select box keeps the focus after a choice, but it is typed in only while its list is open.
  function isTypedIn(box) {
    if (box.getAttribute("role") === "combobox") return box.getAttribute("aria-expanded") === "true"
    const untyped = "[type=checkbox], [type=radio], [type=range], [type=button], [type=submit], [type=file], [type=color]"
    return box.isContentEditable || box.matches(`textarea, input:not(${untyped})`)
  }

  function move(event) {
    const pictures = [...root.querySelectorAll(".picture")]
    const at = pictures.indexOf(event.target)
    if (at < 0) return
    if (event.key === " " && data.selects) {
      event.preventDefault()
      select(at, event.shiftKey)
      return
    }
    if (judgeByKey(event, at)) return
    const perRow = pictures.filter((each) => each.getBoundingClientRect().top === pictures[0].getBoundingClientRect().top).length
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow }[event.key]
    const next = event.key === "Home" ? 0 : event.key === "End" ? pictures.length - 1 : at + step
    if (!pictures[next]) return
    event.preventDefault()
    pictures[at].tabIndex = -1
    pictures[next].tabIndex = 0
    pictures[next].focus()
  }
}
