/** Colours that the map and the pictures share: a view has its colour in both. */
export const RANK_COLOURS = ['#6cb2f0', '#5fcfae', '#e0b860', '#b79cf0'] as const;
export const EYE = '#ffffff';
export const ALARM = '#ff6b61';

export const rankColour = (rank: number): string =>
  RANK_COLOURS[(rank - 1) % RANK_COLOURS.length] ?? RANK_COLOURS[0];
