"use strict";
(() => {
  const holder = document.getElementById("charts");
  const charts = holder ? JSON.parse(holder.textContent) : [];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // The charts of a group share their ends, so that they can be compared.
  const ends = {};
  for (const chart of charts) {
    if (chart.scale !== "weights") continue;
    for (const series of chart.series) {
      for (const value of series.values) {
        if (value === null) continue;
        const [low, high] = ends[chart.group] || [value, value];
        ends[chart.group] = [Math.min(low, value), Math.max(high, value)];
      }
    }
  }

  const percent = (value) => (value * 100).toFixed(Math.abs(value) < 1 ? 1 : 0) + " %";
  const plain = (value) => {
    const size = Math.abs(value);
    if (value === 0) return "0";
    if (size >= 1e6 || size < 1e-4) return value.toExponential(1);
    return String(Number(value.toPrecision(4)));
  };
  const written = (chart, value) => {
    if (value === null || value === undefined) return "\u2013";
    if (chart.scale === "percent" || chart.scale === "accuracy") return percent(value);
    if (chart.scale === "weights") return value.toFixed(3);
    return plain(value);
  };

  // In logarithms losses are shown as they are and accuracies as what is missing to 100 %; what is not above 0 has no
  // logarithm.
  const readings = { loss: "logarithmic", accuracy: "wrong answers, logarithmic" };
  const shown = (chart, series) => {
    if (!chart.logarithmic) return series.values;
    return series.values.map((value) => {
      if (value === null) return null;
      const read = chart.scale === "accuracy" ? 1 - value : value;
      return read > 0 ? read : null;
    });
  };

  const range = (chart) => (plot, low, high) => {
    if (chart.scale === "weights") [low, high] = ends[chart.group] || [null, null];
    if (low === null || high === null) return [0, 1];
    if (chart.logarithmic) return [low / 1.15, high * 1.15];
    if (chart.scale === "count") return [0, Math.max(2, high + 0.5)];
    if (chart.scale === "zero") return [0, high > 0 ? high * 1.08 : 1];
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    if (chart.scale === "percent" || chart.scale === "accuracy") return [Math.max(0, low - room), Math.min(1.005, high + room)];
    return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
  };

  const tooltip = (chart, host) => {
    const tip = document.createElement("div");
    tip.className = "tip";
    host.append(tip);
    const show = (plot) => {
      const index = plot.cursor.idx;
      const hovered = host.matches(":hover") || host === touched;
      if (index === null || index === undefined || !hovered) {
        tip.style.display = "none";
        return;
      }
      const head = document.createElement("div");
      head.textContent = "epoch " + chart.x[index];
      const table = document.createElement("table");
      const rows = chart.series.map((series) => [series, shown(chart, series)[index]]);
      if (chart.series.length > 3) rows.sort((a, b) => (b[1] === null ? -1 : b[1]) - (a[1] === null ? -1 : a[1]));
      for (const [series, value] of rows) {
        const row = table.insertRow();
        const mark = document.createElement("i");
        mark.style.background = "var(" + series.colour + ")";
        row.insertCell().append(mark);
        row.insertCell().textContent = series.label;
        row.insertCell().textContent = written(chart, value);
      }
      tip.replaceChildren(head, table);
      tip.style.display = "block";
      // Beside the cursor, on the side with more room, and never beyond the window.
      const box = host.getBoundingClientRect();
      const at = plot.over.offsetLeft + plot.cursor.left;
      const width = tip.offsetWidth;
      let left = at + 12;
      if (box.left + left + width > document.documentElement.clientWidth - 4) left = at - width - 12;
      left = Math.max(4 - box.left, Math.min(left, document.documentElement.clientWidth - 4 - width - box.left));
      tip.style.left = left + "px";
      tip.style.top = "4px";
    };
    return { hooks: { setCursor: [show] } };
  };

  // The chart that was tapped last: fingers do not hover.
  let touched = null;
  document.addEventListener("pointerdown", (event) => {
    touched = event.pointerType === "mouse" ? null : event.target.closest(".chart");
  });

  // Buttons below the title: another reading, and back from a part to all epochs.
  const button = (words) => {
    const element = document.createElement("button");
    element.type = "button";
    element.textContent = words;
    return element;
  };
  const tools = (chart, host) => {
    const title = host.closest("figure")?.querySelector("h3");
    if (!title || chart.tools) return;
    chart.tools = document.createElement("div");
    chart.tools.className = "tools";
    if (readings[chart.scale]) {
      const reading = button(readings[chart.scale]);
      reading.setAttribute("aria-pressed", "false");
      reading.addEventListener("click", () => {
        chart.logarithmic = !chart.logarithmic;
        reading.setAttribute("aria-pressed", String(chart.logarithmic));
        draw(chart);
      });
      chart.tools.append(reading);
    }
    chart.all = button("all epochs");
    chart.all.hidden = true;
    chart.all.addEventListener("click", () => {
      for (const other of charts) {
        const plot = other.group === chart.group && drawn.get(other.id);
        if (plot) plot.setScale("x", { min: other.x[0], max: other.x[other.x.length - 1] });
      }
    });
    chart.tools.append(chart.all);
    title.after(chart.tools);
  };
  const zoomed = (chart) => (plot, scale) => {
    if (scale !== "x" || !chart.all) return;
    const { min, max } = plot.scales.x;
    chart.all.hidden = min <= chart.x[0] && max >= chart.x[chart.x.length - 1];
  };

  const drawn = new Map();
  const draw = (chart) => {
    const host = document.querySelector('[data-chart="' + chart.id + '"]');
    if (!host) return;
    const old = drawn.get(chart.id);
    if (old) old.destroy();
    host.replaceChildren();
    const small = host.clientHeight < 160;
    if (!small) tools(chart, host);
    const text = colour("--faint");
    const grid = { stroke: colour("--rule"), width: 1 };
    const font = (small ? 10 : 11) + "px system-ui, sans-serif";
    const x = {
      stroke: text, grid: { show: false }, ticks: grid, font, size: small ? 22 : 28, space: small ? 34 : 46, gap: 2,
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
      label: small ? undefined : "epoch", labelFont: font, labelSize: 15, labelGap: 0,
    };
    const y = {
      stroke: text, grid, ticks: { show: false }, font, size: small ? 32 : 52, space: small ? 26 : 34, gap: 4,
      incrs: chart.scale === "count" ? [1, 2, 5, 10, 20, 50, 100] : undefined,
      values: (plot, ticks) => ticks.map((tick) => {
        if (tick === null) return "";
        // Only round numbers: the ends of an axis are among the ticks.
        if (chart.logarithmic && Math.abs(tick / Number(tick.toPrecision(1)) - 1) > 1e-6) return "";
        if (chart.scale === "percent" || chart.scale === "accuracy") return Number((tick * 100).toPrecision(4)) + " %";
        if (chart.scale === "count") return Number.isInteger(tick) ? String(tick) : "";
        return plain(tick);
      }),
    };
    const single = chart.x.length === 1;
    const steps = chart.scale === "count" ? uPlot.paths.stepped({ align: 1 }) : undefined;
    const options = {
      width: host.clientWidth,
      height: host.clientHeight,
      pxAlign: 0,
      padding: [8, 10, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: !small && !single, y: false, setScale: true }, points: { size: small ? 4 : 6 }, sync: { key: chart.group, scales: ["x", null] } },
      scales: {
        x: { time: false, range: (plot, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) },
        y: { range: range(chart), distr: chart.logarithmic ? 3 : 1 },
      },
      axes: [x, y],
      series: [{}].concat(chart.series.map((series) => ({
        label: series.label,
        stroke: colour(series.colour),
        width: small ? 1.4 : 1.8,
        dash: series.dashed ? [5, 4] : undefined,
        paths: steps,
        spanGaps: false,
        points: { show: single, size: 6, fill: colour(series.colour) },
      }))),
      plugins: [tooltip(chart, host)],
      hooks: { setScale: [zoomed(chart)] },
    };
    drawn.set(chart.id, new uPlot(options, [chart.x].concat(chart.series.map((series) => shown(chart, series))), host));
  };

  document.documentElement.classList.add("scripted");
  const drawAll = () => charts.forEach(draw);
  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  // Paper is light.
  const paper = (on) => () => {
    document.documentElement.classList.toggle("paper", on);
    drawAll();
  };
  addEventListener("beforeprint", paper(true));
  addEventListener("afterprint", paper(false));
  let pending = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => {
      for (const chart of charts) {
        const plot = drawn.get(chart.id);
        const host = document.querySelector('[data-chart="' + chart.id + '"]');
        if (plot && host && host.clientWidth !== plot.width) {
          plot.setSize({ width: host.clientWidth, height: host.clientHeight });
        }
      }
    });
  });

  // Cells over the epochs.
  for (const player of document.querySelectorAll(".player")) {
    const slider = player.querySelector("input");
    const button = player.querySelector("button");
    const pictures = Array.from(document.querySelectorAll(".sc-frames"), (svg) => svg.querySelectorAll(".sc-frame"));
    const show = () => {
      for (const frames of pictures) {
        frames.forEach((frame, i) => { frame.style.visibility = i === Number(slider.value) ? "visible" : "hidden"; });
      }
    };
    let timer = 0;
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      button.textContent = "Play";
    };
    slider.addEventListener("input", () => { stop(); show(); });
    button.addEventListener("click", () => {
      if (timer) { stop(); return; }
      if (Number(slider.value) >= Number(slider.max)) slider.value = 0;
      show();
      button.textContent = "Stop";
      timer = setInterval(() => {
        if (Number(slider.value) >= Number(slider.max)) { stop(); return; }
        slider.value = Number(slider.value) + 1;
        show();
      }, 700);
    });
  }
})();
