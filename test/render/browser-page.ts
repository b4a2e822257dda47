/** Runs inside the page: finds text that overlaps other text, is cut off, is covered, is too small or too faint. */

/** A string of JavaScript rather than a function: the tests are compiled without the types of a browser. */
export const findFaults = /* js */ `(() => {
  const faults = [];
  for (const root of document.querySelectorAll('svg')) {
  const frame = root.getBoundingClientRect();
  const texts = [...root.querySelectorAll('text')].filter((text) => text.textContent.trim() !== '');
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

  const rects = [...root.querySelectorAll('rect')].map((rect) => {
    const { fill, stroke } = getComputedStyle(rect);
    return { rect, frame: rect.getBoundingClientRect(), filled: fill !== 'none', drawn: stroke !== 'none' };
  });
  for (const { text, name, left, right, top, bottom } of boxes) {
    if (text.classList.contains('halo')) continue;
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    // What lies below the box that the text stands in is not seen.
    const ground = rects.findLastIndex(({ rect, frame: f, filled }) => filled &&
      f.left < x && f.right > x && f.top < y && f.bottom > y &&
      rect.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING);
    const crossed = rects.slice(Math.max(0, ground)).some(({ frame: f, drawn }) => drawn &&
      f.top < bottom && f.bottom > top && [f.left, f.right].some((edge) => edge > left + 1 && edge < right - 1));
    if (crossed) faults.push(name + ' runs over the edge of a box');
  }

  const strokes = [...root.querySelectorAll('line')].map((line) => ({ line, frame: line.getBoundingClientRect() }));
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
    if (parseFloat(style.fontSize) * scale < 9 && root.viewBox.baseVal.width <= 900)
      faults.push(name + ' is set in ' + parseFloat(style.fontSize) * scale + ' pixels');
    const middle = (left + right) / 2;
    for (const x of right - left > 12 ? [left + 3, middle, right - 3] : [middle]) {
      const y = (top + bottom) / 2;
      const stack = document.elementsFromPoint(x, y);
      const index = stack.indexOf(text);
      if (index < 0) { faults.push(name + ' is not where it should be'); continue; }
      const cover = stack.slice(0, index).find((element) => element.tagName !== 'text');
      if (cover) faults.push(name + ' is covered by a ' + cover.tagName);
      const grounds = stack.slice(index + 1).map((element) => {
        const { fill, backgroundColor } = getComputedStyle(element);
        return element instanceof HTMLElement ? backgroundColor
          : ['rect', 'polygon', 'path'].includes(element.tagName) ? fill : 'none';
      });
      const ground = grounds.find((color) => color !== 'none' && !color.endsWith(', 0)'));
      if (!ground) { faults.push(name + ' has no ground'); continue; }
      const ratio = contrast(style.fill, ground);
      if (ratio < 4.5) faults.push(name + ' has a contrast of ' + ratio.toFixed(2));
    }
  }
  }
  return faults;
})()`;

/** Lets the parts of the HTML report that scroll show all they hold; the height of the whole page. */
export const OPEN_UP = /* js */ `(async () => {
  for (const part of document.querySelectorAll('.plot,.hops')) [part.style.maxHeight, part.style.height] = ['none', 'auto'];
  for (const part of document.querySelectorAll('details')) part.open = true;
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
  return Math.ceil(document.documentElement.scrollHeight);
})()`;

/** The same for text of HTML: what is fainter than it may be, overlaps, is cut off, or wider than the page. */
export const findPageFaults = /* js */ `(() => {
  const faults = [];
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }).reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);

  const known = new Map();
  // An element's colours, and the part of the window in which it is seen: what scrolls or cuts shows its inside only.
  const placeOf = (element) => {
    if (!element) return { ground: [255, 255, 255], left: -1e9, right: 1e9, top: -1e9, bottom: 1e9 };
    if (known.has(element)) return known.get(element);
    const outer = placeOf(element.parentElement);
    const { backgroundColor, overflowX, color } = getComputedStyle(element);
    const own = parse(backgroundColor);
    const place = { ...outer, color, cuts: overflowX === 'hidden', ground: own[3] === 0 ? outer.ground : own };
    if (overflowX !== 'visible') {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      place.left = Math.max(outer.left, left);
      place.right = Math.min(outer.right, right);
      place.top = Math.max(outer.top, top);
      place.bottom = Math.min(outer.bottom, bottom);
    }
    known.set(element, place);
    return place;
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const boxes = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const element = node.parentElement;
    if (node.data.trim() === '' || element.closest('script,noscript,svg,option')) continue;
    const name = JSON.stringify(node.data);
    const place = placeOf(element);
    const [light, dark] = [luminance(parse(place.color)), luminance(place.ground)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < 4.5) faults.push(name + ' has a contrast of ' + ratio.toFixed(2));
    if (place.cuts && !element.title && element.scrollWidth > element.clientWidth + 1)
      faults.push(name + ' is cut off, and nothing tells the whole');
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const line of range.getClientRects()) {
      const [top, bottom] = [Math.max(line.top, place.top), Math.min(line.bottom, place.bottom)];
      const trim = (bottom - top) * 0.18;
      const box = { node, name, left: Math.max(line.left, place.left) + 1, right: Math.min(line.right, place.right) - 1,
        top: top + trim, bottom: bottom - trim };
      if (box.left < box.right && box.top < box.bottom) boxes.push(box);
    }
  }
  if (boxes.length === 0) faults.push('there is no text');
  boxes.sort((a, b) => a.top - b.top);
  for (const [i, a] of boxes.entries())
    for (let j = i + 1; boxes[j]?.top < a.bottom; j++)
      if (boxes[j].node !== a.node && boxes[j].left < a.right && boxes[j].right > a.left) faults.push(a.name + ' overlaps ' + boxes[j].name);
  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is wider than the window');
  return faults;
})()`;
