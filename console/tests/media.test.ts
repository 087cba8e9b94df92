import { describe, expect, it } from 'vitest';
import { HEADER_BYTES, MediaType, parseMedia } from '../src/video/media';

/** 0x01 type 2, epoch 3, 2026-11-22T03:04:05.678901Z in microseconds, three bytes of payload. */
function message(version = 1, type = 2): ArrayBuffer {
  const data = new ArrayBuffer(HEADER_BYTES + 3);
  const view = new DataView(data);
  view.setUint8(0, version);
  view.setUint8(1, type);
  view.setUint32(4, 3);
  view.setBigUint64(8, 1_795_316_645_678_901n);
  new Uint8Array(data, HEADER_BYTES).set([7, 8, 9]);
  return data;
}

describe('a media message', () => {
  it('is read big-endian, with the payload behind the header', () => {
    const read = parseMedia(message());
    expect(read).toMatchObject({ type: MediaType.KeyFragment, epoch: 3 });
    expect(read?.captured_ms).toBeCloseTo(1_795_316_645_678.901, 2);
    expect([...(read?.payload ?? [])]).toEqual([7, 8, 9]);
  });

  it('may be a header alone', () => {
    expect(parseMedia(message().slice(0, HEADER_BYTES))?.payload).toHaveLength(0);
  });

  it.each([
    ['too short', message().slice(0, HEADER_BYTES - 1)],
    ['of an unknown version', message(2)],
    ['of an unknown type', message(1, 5)],
    ['of type 0', message(1, 0)],
  ])('is not taken when %s', (_, data) => {
    expect(parseMedia(data)).toBeNull();
  });
});
