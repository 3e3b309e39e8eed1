/**
 * Short names by which English speakers call each other, and what they stand for. It is written from what is in use, and not taken from the table that the analyser has, so that the table is measured too.
 */
export const NICKNAMES: readonly (readonly [nickname: string, given: string])[] = (
  'Bill:William Will:William Billy:William Bob:Robert Rob:Robert Bobby:Robert Dick:Richard Rick:Richard Rich:Richard Jim:James Jimmy:James Jack:John Johnny:John Mike:Michael Mick:Michael Dave:David '
  + 'Tom:Thomas Tommy:Thomas Joe:Joseph Chuck:Charles Charlie:Charles Chris:Christopher Dan:Daniel Danny:Daniel Matt:Matthew Tony:Anthony Don:Donald Steve:Steven Steve:Stephen Andy:Andrew Drew:Andrew '
  + 'Josh:Joshua Ken:Kenneth Kenny:Kenneth Ed:Edward Eddie:Edward Ted:Edward Ron:Ronald Tim:Timothy Jeff:Jeffrey Greg:Gregory Larry:Lawrence Fred:Frederick Sam:Samuel Ben:Benjamin Pat:Patrick Nick:Nicholas '
  + 'Alex:Alexander Zach:Zachary Nate:Nathan Pete:Peter Walt:Walter Gene:Eugene Phil:Philip Jerry:Gerald Ray:Raymond Doug:Douglas Hank:Henry Harry:Henry Vince:Vincent Al:Albert Bert:Albert Jon:Jonathan '
  + 'Liz:Elizabeth Beth:Elizabeth Betty:Elizabeth Lisa:Elizabeth Peggy:Margaret Maggie:Margaret Meg:Margaret Kate:Katherine Kathy:Katherine Katie:Katherine Kathy:Kathleen Cathy:Catherine Sue:Susan Susie:Susan '
  + 'Barb:Barbara Patty:Patricia Pat:Patricia Trish:Patricia Debbie:Deborah Deb:Deborah Cindy:Cynthia Sandy:Sandra Becky:Rebecca Jenny:Jennifer Jen:Jennifer Kim:Kimberly Pam:Pamela Chris:Christine Tina:Christina '
  + 'Mandy:Amanda Jess:Jessica Steph:Stephanie Vicky:Victoria Abby:Abigail Sam:Samantha Terry:Theresa Judy:Judith Jackie:Jacqueline Angie:Angela Nancy:Ann Annie:Ann Dot:Dorothy Val:Valerie Ginny:Virginia'
).split(' ').map((pair) => pair.split(':') as [string, string])
