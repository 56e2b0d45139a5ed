"use strict";
for (const box of document.querySelectorAll(".listen")) {
  const canvas = box.querySelector("canvas"), players = [...box.querySelectorAll("audio")];
  const marks = JSON.parse(box.dataset.marks), highest = Number(box.dataset.hertz), said = box.querySelector(".listen-time");
  const cache = new Map();
  let chosen = 0, from = 0, to = 1, cursor = 0, stop = Infinity, drag = null, frame = 0;

  const sound = index => {
    if (!cache.has(index)) {
      const text = atob(players[index].src.split(",")[1]), bytes = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
      const view = new DataView(bytes.buffer);
      cache.set(index, { rate: view.getUint32(24, true), samples: new Int16Array(bytes.buffer, 44) });
    }
    return cache.get(index);
  };
  const whole = () => sound(0).samples.length / sound(0).rate;
  const place = (start, end) => {
    const length = Math.min(whole(), Math.max(0.02, end - start));
    from = Math.min(Math.max(0, start), whole() - length);
    to = from + length;
    if (!frame) frame = requestAnimationFrame(draw);
  };
  const zoom = (factor, at) => place(at - (at - from) * factor, at + (to - at) * factor);

  // Power of a radix-2 transform of a windowed piece, in dB of full scale.
  const spectrum = (samples, centre, size, window) => {
    const re = new Float32Array(size), im = new Float32Array(size), first = Math.round(centre - size / 2);
    for (let i = 0, j = 0; i < size; i++) {
      const k = first + i;
      re[j] = k >= 0 && k < samples.length ? samples[k] * window[i] : 0;
      let bit = size >> 1;
      while (j & bit) { j ^= bit; bit >>= 1; }
      j ^= bit;
    }
    for (let half = 1; half < size; half *= 2)
      for (let k = 0; k < half; k++) {
        const c = Math.cos(Math.PI * k / half), s = -Math.sin(Math.PI * k / half);
        for (let i = k; i < size; i += 2 * half) {
          const j = i + half, x = re[j] * c - im[j] * s, y = re[j] * s + im[j] * c;
          re[j] = re[i] - x; im[j] = im[i] - y; re[i] += x; im[i] += y;
        }
      }
    const power = new Float32Array(size / 2);
    for (let i = 0; i < size / 2; i++) power[i] = 10 * Math.log10((re[i] * re[i] + im[i] * im[i]) / (size * size * 67108864) + 1e-14);
    return power;
  };
  const palette = [[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]];
  const colour = value => {
    const x = Math.min(0.9999, Math.max(0, value)) * (palette.length - 1), i = Math.floor(x), f = x - i;
    return palette[i].map((a, c) => a + f * (palette[i + 1][c] - a));
  };

  const draw = () => {
    frame = 0;
    const ratio = window.devicePixelRatio || 1, width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (!width) return;
    canvas.width = width; canvas.height = height;
    const pen = canvas.getContext("2d"), { rate, samples } = sound(chosen), top = Math.round(height * 0.36), axis = Math.round(20 * ratio);
    const low = height - axis, x = t => (t - from) / (to - from) * width;
    pen.fillStyle = "#ffffff"; pen.fillRect(0, 0, width, height);
    let limit = 1;
    const reference = sound(0).samples, a = Math.floor(from * rate), b = Math.min(reference.length, Math.ceil(to * rate)), step = Math.max(1, Math.floor((b - a) / 40000));
    for (let i = a; i < b; i += step) limit = Math.max(limit, Math.abs(reference[i]));
    pen.fillStyle = "#33475b"; pen.strokeStyle = "#33475b"; pen.lineWidth = 1.2 * ratio;
    const y = v => top / 2 * (1 - 0.86 * Math.max(-1, Math.min(1, v / limit)));
    if (b - a < 2 * width) {
      pen.beginPath();
      for (let i = a; i < b; i++) pen.lineTo(x(i / rate), y(samples[i]));
      pen.stroke();
    } else for (let p = 0; p < width; p++) {
      let least = 32768, most = -32768;
      const end = Math.min(samples.length, a + Math.ceil((p + 1) * (b - a) / width));
      for (let i = a + Math.floor(p * (b - a) / width); i < end; i++) { if (samples[i] < least) least = samples[i]; if (samples[i] > most) most = samples[i]; }
      pen.fillRect(p, y(most), 1, Math.max(1, y(least) - y(most)));
    }
    const seconds = to - from, size = 2 ** Math.round(Math.log2(rate * Math.min(0.064, Math.max(0.008, seconds / 60))));
    const hann = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / size));
    const columns = Math.min(width, 900), rows = low - top, image = pen.createImageData(columns, rows), spectra = [];
    let loudest = -100;
    for (let p = 0; p < columns; p++) spectra.push(spectrum(samples, (from + (p + 0.5) / columns * seconds) * rate, size, hann));
    const shown = sound(0), all = [];
    for (let p = 0; p < 60; p++) all.push(Math.max(...spectrum(shown.samples, (from + (p + 0.5) / 60 * seconds) * rate, size, hann).slice(2)));
    loudest = all.sort((m, n) => m - n)[57];
    for (let r = 0; r < rows; r++) {
      const bin = (1 - (r + 0.5) / rows) * highest / rate * size, i = Math.min(size / 2 - 2, Math.floor(bin)), f = Math.min(1, bin - i);
      for (let p = 0; p < columns; p++) {
        const value = spectra[p][i] * (1 - f) + spectra[p][i + 1] * f, at = 4 * (r * columns + p), c = colour((value - loudest + 60) / 60);
        image.data[at] = c[0]; image.data[at + 1] = c[1]; image.data[at + 2] = c[2]; image.data[at + 3] = 255;
      }
    }
    const off = new OffscreenCanvas(columns, rows);
    off.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(off, 0, top, width, rows);
    for (const [start, end, ink] of marks) {
      if (end < from || start > to) continue;
      pen.fillStyle = ink; pen.globalAlpha = 0.22;
      pen.fillRect(x(start), 0, Math.max(ratio, x(end) - x(start)), top);
      pen.globalAlpha = 1;
      pen.beginPath(); pen.moveTo(x(start) - 4 * ratio, 0); pen.lineTo(x(start) + 4 * ratio, 0); pen.lineTo(x(start), 8 * ratio); pen.fill();
    }
    pen.fillStyle = "#1b2430"; pen.font = `${11 * ratio}px system-ui, sans-serif`;
    pen.fillRect(0, low, width, ratio);
    const rough = seconds / 8, unit = 10 ** Math.floor(Math.log10(rough)), tick = [1, 2, 5, 10].map(m => m * unit).find(m => m >= rough);
    for (let t = Math.ceil(from / tick) * tick; t <= to; t += tick) {
      pen.fillRect(x(t), low, ratio, 4 * ratio);
      pen.fillText(`${Number(t.toFixed(3))} s`, Math.min(x(t) + 3 * ratio, width - 44 * ratio), height - 5 * ratio);
    }
    pen.fillStyle = "#ffffff";
    pen.fillText(`${highest} Hz`, 4 * ratio, top + 13 * ratio);
    pen.fillStyle = "#E69F00";
    if (cursor >= from && cursor <= to) pen.fillRect(x(cursor), 0, 1.5 * ratio, low);
    said.textContent = `${from.toFixed(2)} to ${to.toFixed(2)} s`;
    canvas.setAttribute("aria-label", `${players[chosen].dataset.label}, ${said.textContent}, ${marks.filter(m => m[1] >= from && m[0] <= to).length} marks`);
  };

  const play = (start, end) => {
    players.forEach(player => player.pause());
    stop = end;
    players[chosen].currentTime = start;
    players[chosen].play();
    follow();
  };
  const follow = () => {
    const player = players[chosen];
    cursor = player.currentTime;
    if (cursor >= stop) player.pause();
    draw();
    if (!player.paused) requestAnimationFrame(follow);
  };
  const actions = {
    in: () => zoom(0.5, (from + to) / 2), out: () => zoom(2, (from + to) / 2), all: () => place(0, whole()),
    left: () => place(from - (to - from) / 3, to - (to - from) / 3), right: () => place(from + (to - from) / 3, to + (to - from) / 3),
    play: () => play(from, to), stop: () => players.forEach(player => player.pause()),
    next: () => {
      const middle = (from + to) / 2, mark = marks.find(m => m[0] > middle + 1e-3) || marks[0];
      if (mark) place((mark[0] + mark[1]) / 2 - 0.1, (mark[0] + mark[1]) / 2 + 0.1);
    },
  };
  box.addEventListener("click", event => {
    const action = event.target.dataset && event.target.dataset.action;
    if (action) actions[action]();
  });
  box.addEventListener("change", event => {
    if (event.target.name !== box.dataset.group) return;
    players.forEach(player => player.pause());
    chosen = Number(event.target.value);
    draw();
  });
  const time = event => from + (event.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth * (to - from);
  canvas.addEventListener("wheel", event => { event.preventDefault(); zoom(event.deltaY > 0 ? 1.25 : 0.8, time(event)); }, { passive: false });
  canvas.addEventListener("pointerdown", event => { drag = { x: event.clientX, from, to, moved: false }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", event => {
    if (!drag) return;
    const shift = (event.clientX - drag.x) / canvas.clientWidth * (drag.to - drag.from);
    drag.moved = drag.moved || Math.abs(event.clientX - drag.x) > 4;
    if (drag.moved) place(drag.from - shift, drag.to - shift);
  });
  canvas.addEventListener("pointerup", event => { if (drag && !drag.moved) play(time(event), to); drag = null; });
  canvas.addEventListener("keydown", event => {
    const action = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "-": "out", Home: "all", " ": "play", n: "next" }[event.key];
    if (action) { event.preventDefault(); actions[action](); }
  });
  new ResizeObserver(draw).observe(canvas);
  box.classList.add("ready");
  place(0, whole());
}
