import { describe, expect, it } from 'vitest';
import { base64url, makeKey, signedText } from '../src/video/key';

const fromBase64url = (text: string) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

describe('the proof of a viewer', () => {
  it('covers audience, grant and nonce in the text of the protocol', () => {
    expect(signedText('mapo', 'grt_1', 'abc')).toBe('safetynet-view-v1\nmapo\ngrt_1\nabc');
  });

  it('verifies with the public key that the hello carries', async () => {
    const key = await makeKey();
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const judge = await crypto.subtle.importKey('jwk', { ...key.public }, algorithm, true, ['verify']);
    const proof = fromBase64url(await key.sign('mapo', 'grt_1', 'n'));
    const verify = (text: string) =>
      crypto.subtle.verify(
        { name: 'ECDSA', hash: 'SHA-256' },
        judge,
        proof,
        new TextEncoder().encode(text),
      );
    expect(proof).toHaveLength(64);
    expect(await verify('safetynet-view-v1\nmapo\ngrt_1\nn')).toBe(true);
    expect(await verify('safetynet-view-v1\nmapo\ngrt_2\nn')).toBe(false);
  });

  it('is written in the alphabet that needs no escaping, without padding', () => {
    expect(base64url(new Uint8Array([251, 255, 254, 0]))).toBe('-__-AA');
  });
});
