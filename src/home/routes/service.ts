import type { KeyValueStore } from '../../store/key-value-store.ts'
import { NO_STORE, bytesAnswer, jsonAnswer } from '../answer.ts'
import { utf8 } from '../../bytes.ts'
import { METRICS_TYPE, type Metrics } from '../metrics.ts'
import { headers, problemResponse } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import type { Route } from '../route.ts'

export interface ServiceParts {
  state: KeyValueStore
  metrics: Metrics
}

const UNCACHED = headers({ 'cache-control': 'Always no-store.' })

/** What whoever runs the home watches. */
export const serviceRoutes = ({ state, metrics }: ServiceParts): readonly Route[] => [
  {
    method: 'GET',
    pattern: '/healthz',
    operation: {
      operationId: 'getHealth',
      summary: 'Whether the home can answer',
      tags: ['service'],
      responses: {
        200: { description: 'Its state is open and answers.', headers: UNCACHED, content: { 'application/json': { schema: { type: 'object', required: ['status'], properties: { status: { const: 'ok' } } } } } },
        503: problemResponse('Its state cannot be read.', ['NOT_READY'])
      }
    },
    handle: async () => {
      try {
        await state.get('home/health')
      } catch (error) {
        throw new ProblemError(503, 'NOT_READY', 'the state of this home cannot be read', { cause: error })
      }
      return jsonAnswer({ status: 'ok' }, NO_STORE)
    }
  },
  {
    method: 'GET',
    pattern: '/metrics',
    operation: {
      operationId: 'getMetrics',
      summary: 'Counters for Prometheus',
      tags: ['service'],
      responses: { 200: { description: 'The text format, version 0.0.4.', headers: UNCACHED, content: { 'text/plain': {} } } }
    },
    handle: async () => bytesAnswer(METRICS_TYPE, utf8(await metrics.render()), NO_STORE)
  }
]
