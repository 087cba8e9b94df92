/** Media messages of the view protocol: 16 bytes of header, big-endian, then the payload. */

export const HEADER_BYTES = 16;
export const VERSION = 1;

export enum MediaType {
  Init = 1,
  KeyFragment = 2,
  Fragment = 3,
  Still = 4,
}

export interface MediaMessage {
  type: MediaType;
  /** Rises when the source was opened anew. */
  epoch: number;
  /** Milliseconds since 1970 UTC, as well as the source tells it. */
  captured_ms: number;
  payload: Uint8Array<ArrayBuffer>;
}

/** Reads one binary message; null where it is not one of ours. */
export function parseMedia(data: ArrayBuffer): MediaMessage | null {
  if (data.byteLength < HEADER_BYTES) return null;
  const view = new DataView(data);
  const type = view.getUint8(1);
  if (view.getUint8(0) !== VERSION || type < MediaType.Init || type > MediaType.Still) return null;
  return {
    type,
    epoch: view.getUint32(4),
    captured_ms: Number(view.getBigUint64(8)) / 1000,
    payload: new Uint8Array(data, HEADER_BYTES),
  };
}

/** JSON messages of the gateway. */
export type FromGateway =
  | { type: 'challenge'; nonce: string; audience: string }
  | { type: 'accepted'; session: string; mime: string; width: number; height: number }
  | { type: 'refused'; code: string; message: string }
  | { type: 'ended'; reason: string };
