import { MissingDependencyError, StoreError } from '../errors.ts'

/**
 * Loads the libraries of one entry, which are optional peers: when it is opened, not before.
 *
 * @param packages with their versions, as `npm install` takes them
 * @throws MissingDependencyError with what to install, StoreError for a library that is there and does not load
 */
export const loadPackages = async <T>(entry: string, packages: readonly string[], load: () => Promise<T>): Promise<T> => {
  try {
    return await load()
  } catch (error) {
    if ((error as { code?: string } | undefined)?.code === 'ERR_MODULE_NOT_FOUND') throw new MissingDependencyError(entry, packages, { cause: error })
    throw new StoreError(`what mercury-profiles/${entry} needs cannot be loaded`, { cause: error })
  }
}
