// Idempotency keys: a request that is sent again is told by its key, and carried out once.

/** Keys for what is sent. */
export class Keys {
  #sent = new Map();
  #current = { content: null, key: null };

  /** The key of this content: the one that it was sent with, until that made an order; else a new
   * one for each change. */
  of(content) {
    if (this.#sent.has(content)) return this.#sent.get(content);
    if (this.#current.content !== content) this.#current = { content, key: random() };
    return this.#current.key;
  }

  /** The content is sent, and maybe carried out, whatever is answered. */
  sending(content) {
    const key = this.of(content);
    this.#sent.set(content, key);
    return key;
  }

  /** What is known to be over: the next time, the content is another request. */
  over(content) {
    this.#sent.delete(content);
    this.#current = { content: null, key: null };
  }
}

// Browsers have randomUUID only in pages that came by TLS, or from this machine.
function random() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
