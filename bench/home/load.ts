import { quantile } from '../report.ts'
import { Connection, type PreparedRequest } from './connection.ts'

export interface Load {
  /** Requests a second that were answered as they should be. */
  readonly rate: number
  readonly medianMs: number
  readonly p99Ms: number
  readonly requests: number
}

export interface LoadOptions {
  port: number
  /** Kept-alive connections, each with one request under way. */
  connections: number
  /** The next request; `undefined` ends the load. */
  next(): { request: PreparedRequest; status: number } | undefined
}

/** Sends requests over `connections` at a time, each as soon as the one before it is answered. @throws on the first answer with another status than it should have */
export const applyLoad = async ({ port, connections, next }: LoadOptions): Promise<Load> => {
  const opened = await Promise.all(Array.from({ length: connections }, () => Connection.open(port)))
  const latencies: number[] = []
  const started = performance.now()
  try {
    await Promise.all(opened.map(async (connection) => {
      for (let work = next(); work; work = next()) {
        const sent = performance.now()
        const { status, body } = await connection.send(work.request)
        latencies.push(performance.now() - sent)
        if (status !== work.status) throw new Error(`status ${status} instead of ${work.status}: ${body.toString('utf8').slice(0, 300)}`)
      }
    }))
  } finally {
    for (const connection of opened) connection.close()
  }
  const seconds = (performance.now() - started) / 1_000
  return { rate: latencies.length / seconds, medianMs: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), requests: latencies.length }
}
