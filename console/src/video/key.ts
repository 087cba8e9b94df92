import type { ViewerKey } from '../api/types';

/** A console's key: the private half cannot leave the browser's key store. */
export interface ConsoleKey {
  public: ViewerKey;
  sign(audience: string, grant: string, nonce: string): Promise<string>;
}

/** Makes a fresh P-256 key for this page; it lives as long as the page. */
export async function makeKey(): Promise<ConsoleKey> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const pair = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']);
  const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey);
  const half = (name: 'x' | 'y') => {
    const value = jwk[name];
    if (!value) throw new Error(`the browser gave a key without ${name}`);
    return value;
  };
  return {
    public: { kty: 'EC', crv: 'P-256', x: half('x'), y: half('y') },
    sign: (audience, grant, nonce) => sign(pair.privateKey, signedText(audience, grant, nonce)),
  };
}

/** What a viewer signs to prove that a grant is its own. */
export function signedText(audience: string, grant: string, nonce: string): string {
  return `safetynet-view-v1\n${audience}\n${grant}\n${nonce}`;
}

async function sign(key: CryptoKey, text: string): Promise<string> {
  const how = { name: 'ECDSA', hash: 'SHA-256' };
  return base64url(new Uint8Array(await crypto.subtle.sign(how, key, new TextEncoder().encode(text))));
}

export function base64url(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
