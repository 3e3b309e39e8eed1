/** Cells of the earth at four precisions. Rows are bands of latitude; a band has fewer cells the nearer it is to a pole, so that a cell is about as wide as it is high. */
const LEVELS = [6, 9, 12, 15] as const

const EARTH_RADIUS_METRES = 6_371_008.8
const METRES_A_DEGREE = (Math.PI / 180) * EARTH_RADIUS_METRES

/** So many cells of a level are asked for at most; a wider look-up uses a coarser level. */
const MAX_CELLS = 16

export interface Point {
  /** Degrees north, -90 to 90. */
  readonly lat: number
  /** Degrees east, -180 to 180. */
  readonly lon: number
}

/**
 * The cells under which a place is found: at every level down to its precision one, and the finest again by itself, for those who ask at a finer level.
 *
 * @param precision metres; nothing finer is told. None where it is coarser than the coarsest cell
 */
export const cellsOf = ({ lat, lon }: Point, precision = 0): string[] => {
  const levels = LEVELS.filter((level) => cellHeight(level) * METRES_A_DEGREE >= precision)
  const finest = levels.at(-1)
  return finest === undefined ? [] : [...levels.map((level) => ALL + cellAt(level, lat, lon)), FINEST + cellAt(finest, lat, lon)]
}

/**
 * Cells that together hold every place within `radiusMetres`.
 *
 * @returns `undefined` where it is so wide that every place has to be looked at
 */
export const cellsNear = ({ lat, lon, radiusMetres }: Point & { radiusMetres: number }): string[] | undefined => {
  const covers = LEVELS.map((level) => cover(level, { lat, lon, radiusMetres }))
  const at = covers.findLastIndex((cells) => cells !== undefined)
  if (at < 0) return undefined
  return [...covers[at]!.map((cell) => ALL + cell), ...covers.slice(0, at).flatMap((cells) => cells!.map((cell) => FINEST + cell))]
}

/** Along the earth taken as a sphere. */
export const distanceMetres = (a: Point, b: Point): number => {
  const latHalf = Math.sin(radians(b.lat - a.lat) / 2)
  const lonHalf = Math.sin(radians(b.lon - a.lon) / 2)
  return 2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(latHalf * latHalf + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * lonHalf * lonHalf)))
}

const ALL = 'a'
const FINEST = 'f'

const radians = (degrees: number): number => (degrees * Math.PI) / 180
const cellHeight = (level: number): number => 360 / 2 ** level
const rowsAt = (level: number): number => 2 ** (level - 1)
const rowOf = (level: number, lat: number): number => Math.max(0, Math.min(rowsAt(level) - 1, Math.floor((lat + 90) / cellHeight(level))))

/** How many cells a row has: a power of two, so that neither rounding nor a runtime's cosine decides. */
const cellsInRow = (level: number, row: number): number => {
  const south = row * cellHeight(level) - 90
  const nearest = Math.min(Math.abs(south), Math.abs(south + cellHeight(level)))
  return 2 ** Math.max(0, Math.ceil(Math.log2(2 ** level * Math.cos(radians(nearest))) - 1e-9))
}

const columnOf = (columns: number, lon: number): number => Math.floor(((((lon + 180) % 360) + 360) % 360) / 360 * columns) % columns

const cellAt = (level: number, lat: number, lon: number): string => {
  const row = rowOf(level, lat)
  return cellName(level, row, columnOf(cellsInRow(level, row), lon))
}

const cellName = (level: number, row: number, column: number): string => `${level.toString(36)}:${row.toString(36)}:${column.toString(36)}`

/** The cells of a level that a circle touches; `undefined` when they are too many. */
const cover = (level: number, { lat, lon, radiusMetres }: Point & { radiusMetres: number }): string[] | undefined => {
  const latReach = radiusMetres / METRES_A_DEGREE
  const south = Math.max(-90, lat - latReach)
  const north = Math.min(90, lat + latReach)
  const [first, last] = [rowOf(level, south), rowOf(level, north)]
  if (last - first >= MAX_CELLS) return undefined
  // How far east a circle reaches: all around where it holds a pole.
  const holdsPole = lat - latReach <= -90 || lat + latReach >= 90
  const lonReach = holdsPole ? 180 : (Math.asin(Math.min(1, Math.sin(Math.min(Math.PI / 2, radians(latReach))) / Math.cos(radians(lat)))) * 180) / Math.PI + 1e-6
  const cells: string[] = []
  for (let row = first; row <= last; row++) {
    const columns = cellsInRow(level, row)
    const width = 360 / columns
    const count = lonReach * 2 + width >= 360 ? columns : undefined
    const from = count === undefined ? columnOf(columns, lon - lonReach) : 0
    const span = count ?? ((columnOf(columns, lon + lonReach) - from + columns) % columns) + 1
    if (cells.length + span > MAX_CELLS) return undefined
    for (let i = 0; i < span; i++) cells.push(cellName(level, row, (from + i) % columns))
  }
  return cells
}
