// Reading values off the charts, by pointer or by arrow keys. Without this script the page shows everything but these values.
"use strict";
(() => {
  const show = (v, share) => {
    if (v === null || v === undefined) return "–";
    if (share) return (100 * v).toFixed(v > 0.99 ? 2 : 1) + "\u202f%";
    if (v === 0) return "0";
    const size = Math.abs(v);
    if (size < 1e-3 || size >= 1e7) {
      const [m, e] = v.toExponential(2).split("e");
      const up = [...String(Number(e))].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
      return m.replace("-", "−") + " × 10" + up;
    }
    return Number(v.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "−");
  };
  const make = (tag, name, text) => {
    const e = document.createElement(tag);
    if (name) e.className = name;
    if (text !== undefined) e.textContent = text; // textContent: names are data, never markup
    return e;
  };
  const clamp = (v) => Math.min(Math.max(v, 0), 1);
  const nearest = (list, value) => list.reduce((b, v, i) => (Math.abs(v - value) < Math.abs(list[b] - value) ? i : b), 0);

  for (const figure of document.querySelectorAll("figure.chart")) {
    const plot = figure.querySelector(".plot");
    const d = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const [x0, x1, y0, y1] = d.domain || [0, 1, 0, 1];
    const px = (v) => (v - x0) / (x1 - x0);
    const py = (v) => clamp(d.log ? (v > 0 ? (Math.log(v) - Math.log(y0)) / (Math.log(y1) - Math.log(y0)) : 0) : (v - y0) / (y1 - y0));
    let at = -1, row = -1, drawn = [];

    const clear = () => { for (const e of drawn) e.remove(); drawn = []; };
    const add = (e) => { plot.append(e); drawn.push(e); };
    const spot = (x, y, style) => {
      const e = make("span", "spot " + style);
      e.style.left = 100 * x + "%"; e.style.top = 100 * (1 - y) + "%";
      add(e);
    };
    const tip = (x, head, rows) => {
      const e = make("div", "tip");
      e.setAttribute("role", "status");
      e.append(make("div", "", head));
      for (const [name, value, style] of rows) {
        const line = make("div", style || "");
        if (style) line.append(make("i"));
        line.append(make("span", "name", name), make("b", "", value));
        e.append(line);
      }
      add(e);
      const room = plot.clientWidth, wide = e.offsetWidth, where = x * room;
      const left = where + 14 + wide <= room ? where + 14 : where - 14 - wide;
      e.style.left = Math.min(Math.max(left, 0), Math.max(room - wide, 0)) + "px";
    };

    const readers = {
      lines: {
        count: d.x.length,
        find: (fx) => nearest(d.x, x0 + fx * (x1 - x0)),
        draw(i) {
          const x = px(d.x[i]), line = make("span", "cursor");
          line.style.left = 100 * x + "%";
          add(line);
          for (const s of d.series) if (s.y[i] !== null) spot(x, py(s.y[i]), s.style);
          tip(x, d.label + " " + show(d.x[i]), d.series.map((s) => [s.name, show(s.y[i], d.share), s.style]));
        },
      },
      dots: {
        count: d.x.length,
        find: (fx, fy) => d.x.reduce((b, v, i) => {
          const far = (k) => (px(d.x[k]) - fx) ** 2 + (py(d.y[k]) - fy) ** 2;
          return far(i) < far(b) ? i : b;
        }, 0),
        draw(i) {
          spot(px(d.x[i]), py(d.y[i]), "validation");
          tip(px(d.x[i]), "one example", [[d.label, show(d.x[i])], [d.other, show(d.y[i])], ["difference", show(d.y[i] - d.x[i])]]);
        },
      },
      bars: {
        count: (d.y || []).length,
        find: (fx) => Math.min(Math.floor(fx * d.y.length), d.y.length - 1),
        draw(i) {
          const x = (px(d.x[i]) + px(d.x[i + 1])) / 2;
          spot(x, py(d.y[i]), "validation");
          tip(x, show(d.x[i]) + " to " + show(d.x[i + 1]), [["examples", show(d.y[i])]]);
        },
      },
      grid: {
        count: d.x.length,
        find(fx, fy) {
          row = Math.min(Math.floor((1 - fy) * d.rows.length), d.rows.length - 1);
          return Math.min(Math.floor(fx * d.x.length), d.x.length - 1);
        },
        draw(i) {
          row = Math.max(row, 0);
          const x = (i + 0.5) / d.x.length;
          spot(x, 1 - (row + 0.5) / d.rows.length, "validation");
          tip(x, (d.other + " " + d.rows[row]).trim(), [[d.label, d.x[i]], ["value", show(d.cells[row][i], d.share)]]);
        },
      },
    };
    const reader = readers[d.kind];
    if (!reader || !reader.count) continue;
    const read = (i) => { at = i; clear(); reader.draw(i); };

    plot.addEventListener("pointermove", (e) => {
      const box = plot.getBoundingClientRect();
      read(reader.find(clamp((e.clientX - box.left) / box.width), clamp(1 - (e.clientY - box.top) / box.height)));
    });
    plot.addEventListener("pointerleave", clear);
    plot.addEventListener("blur", clear);
    plot.addEventListener("keydown", (e) => {
      const move = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[e.key];
      const up = { ArrowUp: -1, ArrowDown: 1 }[e.key];
      if (e.key === "Escape") clear();
      else if (d.kind === "grid" && up) { row = Math.min(Math.max(row + up, 0), d.rows.length - 1); read(Math.max(at, 0)); }
      else if (move) read(Math.min(Math.max(at < 0 && move === -1 ? reader.count - 1 : at + move, 0), reader.count - 1));
      else return;
      e.preventDefault();
    });

    // a name in the legend brings its line forward; a click keeps it there
    const lines = [...figure.querySelectorAll(".plot .line")];
    let kept = -1;
    const choose = (k) => {
      plot.classList.toggle("faded", k >= 0);
      lines.forEach((l, i) => l.classList.toggle("chosen", i === k));
    };
    figure.querySelectorAll(".key").forEach((key, k) => {
      key.addEventListener("pointerenter", () => choose(k));
      key.addEventListener("pointerleave", () => choose(kept));
      key.addEventListener("click", () => { kept = kept === k ? -1 : k; choose(kept); });
    });
  }

  for (const button of document.querySelectorAll(".copy")) {
    if (!navigator.clipboard) continue; // not offered by every browser for pages opened from a disk
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
  }
})();
