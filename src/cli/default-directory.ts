import { homedir } from 'node:os'
import { join } from 'node:path'

/** What `MERCURY_DIRECTORY` says, or the platform's data folder: XDG on Linux and the like, Application Support on macOS, LocalAppData on Windows. */
export const defaultDirectory = (platform = process.platform, env = process.env): string => {
  if (env.MERCURY_DIRECTORY) return env.MERCURY_DIRECTORY
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'mercury')
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'mercury')
  // The specification says to ignore relative ones.
  return join(env.XDG_DATA_HOME?.startsWith('/') ? env.XDG_DATA_HOME : join(homedir(), '.local', 'share'), 'mercury')
}
