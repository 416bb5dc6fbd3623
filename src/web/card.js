// A card that says more about what is under the pointer or in focus.

// Below the pass, or above it where there is more room.
export function putBeside(card, pass) {
  const boxes = [...pass.getClientRects()];
  const [{ left, top }] = boxes;
  const { bottom } = boxes.at(-1);
  const { offsetWidth: width, offsetHeight: height } = card;
  const mostLeft = document.documentElement.clientWidth - width - 12;
  const above =
    bottom + height + 12 > window.innerHeight && top > height + 12;
  const x = Math.max(12, Math.min(left, mostLeft));
  const y = above ? top - height - 6 : bottom + 6;
  card.style.left = `${x + window.scrollX}px`;
  card.style.top = `${y + window.scrollY}px`;
}
