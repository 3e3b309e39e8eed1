/** How the name of a suite says that it is skipped for want of its server. */
export const NOT_THERE = 'is not on this machine'
