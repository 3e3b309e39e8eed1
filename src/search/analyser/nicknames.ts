/**
 * The most frequent English given names, each with its usual short forms, the most frequent first.
 *
 * Derived from the hand-made list of Carlton Northern and Nick Crews, nicknames 1.0.1, Apache-2.0 (https://github.com/carltonnorthern/nicknames), ordered by the frequencies of the 1990 census of the United States, public domain.
 */
const NICKNAMES =
  'aaron erin ronnie ron|adrian rian|agnes inez nessa aggy|alan al|albert al bert|alex al|alexander alex sandy al alec|alfred fred al freddy|alice lisa elsie allie|alicia lisa elsie allie|' +
  'allan alan allen al|allen alan allan al|allison allie ali ally|amanda mandy manda|andre drea|andrea andrew andy rea andi drea|andrew randy andy drew|angela angel angie|ann annie nan|' +
  'anna ann anne annie nan|anne ann annie nan|annette anna nettie|annie anna ann|anthony tony ant|antonio tony ant|arlene lena arly|arnold arnie|arthur art|ashley lee leah ashly ash|' +
  'audrey dee audree|barbara bobbie barbie barby babs bab|beatrice trisha bea trix trixie|benjamin jamie ben bennie benny benjy|bernard barney bernie berney berny|bertha bert bertie birdie|' +
  'beth elizabeth betty betsy|beverly bev|bill robert william willie fred billy|billy robert william fred|bobby bob rob|brad bradford ford|bradley brad|brenda brandy|brian bryan bryant|' +
  'brittany britt brittnie|calvin cal vin vinny|carla karla carly|carol carrie lynn caroline carole kara kari|caroline carol carrie lynn carole cassie|carolyn carrie lynn cassie|carrie cassie|' +
  'cassandra sandra sandy cassie|catherine kathy cathy lena kay casey trina|cathy catherine kathy cathleen|charles carl charlie chuck chick|charlie charles chuck|' +
  'charlotte sherry lottie lotta char|cheryl cher|chester chet|chris kris|christian chris kit|christina tina chris christy kristy kris chrissy|christine tina chris christy kristy kris chrissy|' +
  'christopher chris kit|christy crissy|cindy cinderella|claire clara clare clair|clara clarissa|clarence clare clair|claudia claud|clifford cliff ford|constance connie|corey coco cordy ree|' +
  'cory coco cordy ree|courtney curt court|crystal chris stal crys tal|curtis curt|cynthia cindy cintha|daniel danny dan dann|danielle ellie dani|danny daniel|darlene lena darry|' +
  'david dave davey day|debbie deborah debra debby deb|deborah debbie debby deb|debra debbie deb|delores lola della dee dell lolly|dennis denny dennie|derek ricky rick derrek|' +
  'derrick eric ricky rick|diana di dicey didi|diane dianne dian di dicey didi|donald don donnie donny dony|donna dona|doris dora|dorothy dora dolly dottie dortha dot dotty|douglas doug|eddie ed|' +
  'edgar eddie ed eddy|edith edie edye|edna edny|edward eddie ted ed teddy ned eddy|edwin eddie ed ned eddy win|eileen helen|elaine helen lainie|eleanor ellen elaine nora lenora nelly ellie|' +
  'elizabeth lisa betty beth bessie betsy lizzie|ella ellen el|ellen helen nellie nell|elsie elsey|emily emma millie mel emmy em|emma emmy em|eric ricky rick|ernest ernie|esther essie hester|' +
  'eugene gene|eva eve|evelyn eve evelina ev|felicia felix feli fel|florence flora flo flossy|floyd lloyd|frances frankie fran fanny francie cissy frannie|francis frank frankie fran|' +
  'franklin frank fran|frederick fred ricky rick freddie erick freddy|gabriel gabby gabe|george georgie|gerald jerry gerry|geraldine jerry dina gerry gerri gerrie|gertrude trudy gertie gert|' +
  'gilbert bert gil wilber|glenn glen|gloria glory|gregory greg gory|gwendolyn wendy gwen|harold harry hal hap haps|harry harold henry hap haps|heather hetty|helen ellen ella lena ellie|' +
  'henry harry hal hank hap haps|herbert bert herb|herman dutch harman|howard hal howie|irene rena|jacob jay jake jaap|jacqueline jack jackie jacqui|james jimmy jamie jim jimmie jem|jamie james|' +
  'jane jean jessie jennie janie|janet jessie jan|janice jan|jean jane jeannie|jeanette janet jean jessie nettie|jeanne jane jeannie|jeffery jeff|jeffrey jeff geoff|' +
  'jennifer jennie jenny jenni jen jenn|jeremy jezza jez|jerry geraldine gerry geri jereme|jessica jessie jess|jessie janet jane jess|jim jimmie|joan jo nonie|joann jo|joanne jo|joe joey|' +
  'john jack johnny jon ian jonnie jock|jon john johnny jonnie jonny|jonathan john nathan jon johnathan jonathon johnathon|joseph joe joey jody jos|josephine jo joey jody josie fina josey|' +
  'joshua joe josh jos|joyce joy|juanita nettie nita|judith judy judi jude judie juda|judy judith|julia julie jill jules|julie julia jules jule|june junius|justin justina juston justus|' +
  'katherine kathy cathy lena kay kate trina|kathleen kathy cathy lena kay trina cassie|kathryn kathy katie kate|kenneth ken kenny kendrick|kevin kev|kimberly kim kimberley kimberli|' +
  'kristen chris|kristin chris|larry lawrence laurence|lauren laurie ren|lawrence larry lon lonny lawrie lorne lorry|lena ellen|leo leon|leonard leon leo lenny len lineau|leroy roy lee|' +
  'leslie les|lester les|lillian lilly lolly lil|linda lynn lindy|lisa liz|lois louise lou|loretta etta lorie lorrie retta|lorraine lorie lorrie|louis louise lewis lou louie|' +
  'louise lois lou eliza|lucille lucy lou lu cille|lucy lucinda|lydia lyddy|mabel amabel mehitabel|manuel emanuel manny|marcus mark marc|margaret peggy rita margie daisy maggie margery|' +
  'margie marjorie|marian marion marianna|marie mary mae|marilyn mary|marion mary|marjorie margie margy|marsha mary marcia marcie|martha mattie patsy patty marty mat|martin marty|marvin marv|' +
  'mary marie mae molly mamie polly mitzi|mathew matt mat maty|matthew mattie matt thys thias matty|maureen mary|maurice morey|maxine max|megan meg|melanie mellie|' +
  'melinda linda lynn mindy mel lindy|melissa lisa missy mel lissa milly|melvin mel|michael mike micah mickey mick micky mikey|micheal mike miky mikey|' +
  'michelle shelly shelley mickey shellie chelle shely|miguel michael mike miguaill miguael miguell miguayl|mike michael mick micky|mildred milly|minnie wilhelmina|miriam mitzi mimi mitzie|' +
  'mitchell mitch|monica monnie monna|myrtle myrt myrti mert|nancy ann nan nanny|naomi omi|natalie nettie natty|nathan nat nate|nathaniel nathan natty than nat nate|' +
  'nicholas nick nicky nickie nico claas claes|nicole nikki cole nicki nicky nole|nora nonie|norman norm|pamela pam|patricia patsy patty pat tricia patti trisha|' +
  'patrick peter patsy pat paddy pate|patsy patty|paul polly|paula polly lina|pauline polly|peggy peg|peter pete pate|philip phil pip|phillip phil pip|priscilla cissy cilla prissy|' +
  'rachel shelly rachael|ramona mona|randall randy|ray raymond|raymond ray|rebecca becky reba becca beck|regina gina reggie|reginald reggie reg naldo renny|ricardo ricky rick|' +
  'richard ricky rick dick rich richie dickon|rick ricky|ricky dick rich|robert billy bobby bill bob rob robby|roberta bobbie bert robbie bertie birdie roby|roberto rob|rodney rod|' +
  'roger bobby rodger rod roge hodge|roland orlando lanny rollo rolly|ron ronnie ronny|ronald ronnie ron ronny naldo|rosa rose|rose rosie|rosemary mary marie rose rosemarie rosey|' +
  'russell rusty russ|ryan ry|sam sammy|samantha sam sammy mantha|samuel sam sammy|sandra cassandra sandy|sarah sara sally sadie|scott scotty scottie sceeter squat|sharon shay sha|shawn shaun|' +
  'sheila cecilia|shirley sherry lee shirl|stacey stacy stacie staci|stacy staci|stephanie annie stevie stephany stephine stephani steffi|stephen steve steph|steven steve stevie steph|' +
  'sue susan susie|susan sue susie hannah suzie sukey|suzanne sue susie suki|tammy tami tammie|ted teddy|teresa terry tessa tessie tess|terri terry teri terrie|terry terence|' +
  'theodore ted teddy theo|theresa terry tracy traci tracie tessa tessie|thomas tom tommy thom|tiffany tiff tiffy|tim timmy|timothy tim timmy|tina christina|tom thomas tommy|tony anthony|' +
  'valerie val|vanessa vanna nessa essa|veronica ronnie ron ronny vonnie ronna ronie|vicki victoria vickie vicky|victor vic|victoria vicki vickie vicky tori tory torrie|' +
  'vincent vince vinnie vinny vic vin|viola ola vi|virginia jane jennie ginger ginny virgy|vivian vi viv|walter wally walt|wendy wen|wesley wes|william willie billy bill will willy bell|' +
  'willie william fred|wilma william billiewilhelm|yvonne vonna|zachary zack zach zachy zakk zak zac'

/** So many look-ups a word may become. */
const MAX_EXPANSIONS = 8

/** The names that `word` is short for, then what is short for it; at most 8, none for most words. */
export const expandNickname = (word: string): readonly string[] => expansions().get(word) ?? []

let byWord: Map<string, string[]> | undefined

/** Made when it is first needed: who only indexes never does. */
const expansions = (): ReadonlyMap<string, readonly string[]> => {
  if (byWord) return byWord
  byWord = new Map()
  const entries = NICKNAMES.split('|').map((entry) => entry.split(' ') as [string, ...string[]])
  for (const [name, ...shorts] of entries) for (const short of shorts) add(byWord, short, name)
  for (const [name, ...shorts] of entries) for (const short of shorts) add(byWord, name, short)
  return byWord
}

const add = (map: Map<string, string[]>, word: string, expansion: string): void => {
  const known = map.get(word) ?? []
  if (known.length < MAX_EXPANSIONS && !known.includes(expansion)) map.set(word, [...known, expansion])
}
