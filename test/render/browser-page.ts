// Runs inside the page: finds text that overlaps other text, is cut off, is covered, is too small or too faint.

/** A string of JavaScript rather than a function: the tests are compiled without the types of a browser. */
export const findFaults = /* js */ `(() => {
  const faults = [];
  const root = document.documentElement;
  const frame = root.getBoundingClientRect();
  const texts = [...document.querySelectorAll('text')].filter((text) => text.textContent.trim() !== '');
  const boxes = texts.map((text) => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    const trim = (bottom - top) * 0.18;
    return { text, name: JSON.stringify(text.textContent), left, right, top: top + trim, bottom: bottom - trim };
  });

  for (const [i, a] of boxes.entries()) {
    if (a.left < frame.left || a.right > frame.right || a.top < frame.top || a.bottom > frame.bottom)
      faults.push(a.name + ' is cut off');
    for (const b of boxes.slice(i + 1)) {
      const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
      if (!apart) faults.push(a.name + ' overlaps ' + b.name);
    }
  }

  const strokes = [...document.querySelectorAll('line')].map((line) => ({ line, frame: line.getBoundingClientRect() }));
  for (const { text, name, left, right, top, bottom } of boxes) {
    const crossed = strokes.some(({ line, frame: f }) =>
      text.compareDocumentPosition(line) & Node.DOCUMENT_POSITION_FOLLOWING &&
      f.left < right && f.right > left && f.top < bottom && f.bottom > top);
    if (crossed) faults.push(name + ' is crossed by a line');
  }

  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };

  for (const { text, name, left, right, top, bottom } of boxes) {
    const style = getComputedStyle(text);
    const scale = text.getScreenCTM().a;
    if (parseFloat(style.fontSize) * scale < 9.5 && innerWidth >= 800 && root.viewBox.baseVal.width <= 900)
      faults.push(name + ' is set in ' + parseFloat(style.fontSize) * scale + ' pixels');
    const middle = (left + right) / 2;
    for (const x of right - left > 12 ? [left + 3, middle, right - 3] : [middle]) {
      const y = (top + bottom) / 2;
      const stack = document.elementsFromPoint(x, y);
      const index = stack.indexOf(text);
      if (index < 0) { faults.push(name + ' is not where it should be'); continue; }
      const cover = stack.slice(0, index).find((element) => element.tagName !== 'text');
      if (cover) faults.push(name + ' is covered by a ' + cover.tagName);
      const ground = stack.slice(index + 1).find((element) =>
        ['rect', 'polygon', 'path'].includes(element.tagName) && getComputedStyle(element).fill !== 'none');
      if (!ground) { faults.push(name + ' has no ground'); continue; }
      const ratio = contrast(style.fill, getComputedStyle(ground).fill);
      if (ratio < 4.5) faults.push(name + ' has a contrast of ' + ratio.toFixed(2));
    }
  }
  return faults;
})()`;
