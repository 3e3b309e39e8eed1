import * as fc from 'fast-check'

/** The same cases in every run, so that a failure is one of the change under test; set FAST_CHECK_SEED to look at others. */
fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 20_261_124) })
