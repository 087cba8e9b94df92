import type { Desk } from './Desk.svelte';

/**
 * Everything an operator does in a hurry, on one key each. Keys are named by their place on the
 * keyboard, so that they work while a Korean input method is on.
 */
export function onKey(desk: Desk, event: KeyboardEvent, focusMap: () => void): void {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (underDialog() && event.key !== 'Escape' && event.key !== '?') return;
  const act = actionOf(desk, event, focusMap);
  if (!act) return;
  event.preventDefault();
  act();
}

function actionOf(
  desk: Desk,
  event: KeyboardEvent,
  focusMap: () => void,
): (() => void) | undefined {
  const digit = /^(?:Digit|Numpad)([1-4])$/.exec(event.code)?.[1];
  if (digit) return () => desk.enlarge(Number(digit));
  if (event.key === '?') return () => (desk.helpOpen = !desk.helpOpen);
  if (onMap(event.target) && event.code.startsWith('Arrow')) return undefined;
  switch (event.code) {
    case 'ArrowDown':
    case 'KeyJ':
      return () => desk.step(1);
    case 'ArrowUp':
    case 'KeyK':
      return () => desk.step(-1);
    case 'KeyE':
      return () => desk.askEnd();
    case 'KeyS':
      return () => desk.aim();
    case 'KeyM':
      return focusMap;
    case 'KeyL':
      return () => desk.locale.toggle();
    case 'KeyF':
      return () => (desk.follow = !desk.follow);
    case 'KeyY':
      return () => desk.judgeEnlarged(true);
    case 'KeyN':
      return () => desk.judgeEnlarged(false);
    case 'KeyH':
      return () => desk.holdEnlarged();
    case 'KeyW':
      return () => (desk.whyOpen = !desk.whyOpen);
    case 'Escape':
      return () => desk.dismiss();
    default:
      return undefined;
  }
}

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;

/** While a dialog asks something, keys belong to it. */
const underDialog = () => document.querySelector('dialog[open]') !== null;

const onMap = (target: EventTarget | null) =>
  target instanceof Element && target.closest('.maplibregl-map') !== null;
