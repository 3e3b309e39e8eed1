/** One request to a home, its answer read whole. */
export interface HomeRequest {
  /** http or https. */
  readonly url: string
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** An answer with a longer body is a failure. */
  readonly maxBytes: number
  /** The user named this home. Otherwise its address came out of somebody's document, and must be a global one. */
  readonly trusted: boolean
}

export interface HomeResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/**
 * Carries requests to homes. Untrusted: it can fail and lie, and nothing it brings is believed without a signature.
 *
 * `send` resolves with whatever status comes, follows no redirect, ends in bounded time and rejects when no whole answer came;
 * an abort rejects with the signal's reason. After `close()` every call fails with `CLOSED`.
 */
export interface HomeTransport {
  send(request: HomeRequest, options?: { signal?: AbortSignal }): Promise<HomeResponse>
  close(): Promise<void>
}
