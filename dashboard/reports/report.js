// Draws each chart twice, for a light and a dark background. The style sheet shows the one that fits, also on paper.
const charts = JSON.parse(document.getElementById("charts").textContent);

async function draw(place) {
  const width = Math.floor(place.clientWidth);
  for (const theme of ["light", "dark"]) {
    const drawing = document.createElement("div");
    drawing.className = theme;
    drawing.setAttribute("aria-hidden", "true");
    place.append(drawing);
    const spec = { ...charts[place.dataset.chart][theme], width, autosize: { type: "fit", contains: "padding" } };
    // ast: expressions are interpreted, since the page forbids to run text as code
    await vegaEmbed(drawing, spec, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    });
  }
}

Promise.all(Array.from(document.querySelectorAll("[data-chart]"), draw)).then(
  () => (document.documentElement.dataset.drawn = "yes"),
);
