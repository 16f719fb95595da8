// A contact sheet: tiles cut from one sprite, by mouse and by keyboard.
// Data: sprite, columns, rows, ratio, side, items [{index, text, note, tone, alt}], selected [index], pixelated,
// opens (a click opens an image), selects (images can be selected).
// State "selected": the selected indices of this page. Trigger "opened": the index of an image to look at.
export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component
  const root = parentElement.querySelector(".sheet")
  const drawn = JSON.stringify([data.items, data.columns, data.ratio, data.side]) + data.sprite.length
  let sheet = root.sheet
  if (!sheet || sheet.drawn !== drawn) {
    sheet = root.sheet = { drawn, selected: new Set(data.selected), last: 0 }
    draw()
  } else if (JSON.stringify(data.selected) !== sheet.told) {
    sheet.selected = new Set(data.selected)
  }
  sheet.told = JSON.stringify(data.selected)
  sheet.setStateValue = setStateValue
  sheet.setTriggerValue = setTriggerValue
  mark()

  function draw() {
    root.replaceChildren(...data.items.map(tile))
    root.style.setProperty("--side", `${data.side}px`)
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
      else if (data.opens) sheet.setTriggerValue("opened", item.index)
    }
    const box = document.createElement("input")
    box.type = "checkbox"
    box.tabIndex = -1
    box.setAttribute("aria-label", `Select ${item.alt}`)
    box.onclick = (event) => select(place, event.shiftKey)
    const text = document.createElement("div")
    text.className = "text"
    text.textContent = item.text
    const note = document.createElement("div")
    note.className = `note ${item.tone}`
    note.textContent = item.note
    cell.append(...(data.selects ? [picture, box, text, note] : [picture, text, note]))
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
    sheet.timer = setTimeout(() => {
      const chosen = data.items.map((item) => item.index).filter((index) => sheet.selected.has(index))
      sheet.told = JSON.stringify(chosen)
      sheet.setStateValue("selected", chosen)
    }, 350)
  }

  function mark() {
    ;[...root.children].forEach((cell, place) => {
      const on = sheet.selected.has(data.items[place].index)
      cell.classList.toggle("selected", on)
      if (data.selects) cell.querySelector("input").checked = on
    })
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
