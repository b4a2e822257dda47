// Runs inside the page: finds text that overlaps other text, is cut off, is covered, is too small or too faint.

/** A string of JavaScript rather than a function: the tests are compiled without the types of a browser. */
export const findFaults = /* js */ `(() => {
  const faults = [];
  const root = document.querySelector('svg');
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
    if (parseFloat(style.fontSize) * scale < 9.5 && root.viewBox.baseVal.width <= 900)
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

/** The same for text of HTML: what is fainter than it may be, or wider than the page. */
export const findPageFaults = /* js */ `(() => {
  const faults = [];
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }).reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color[3] !== 0) return color;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === '' || element.closest('script,noscript,svg,option')) continue;
    texts++;
    const [light, dark] = [luminance(parse(getComputedStyle(element).color)), luminance(groundOf(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < 4.5) faults.push(JSON.stringify(walker.currentNode.data) + ' has a contrast of ' + ratio.toFixed(2));
  }
  if (texts === 0) faults.push('there is no text');
  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is wider than the window');
  return faults;
})()`;
