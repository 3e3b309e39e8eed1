/**
 * The most frequent English given names, each with its usual short forms, the most frequent first.
 *
 * Derived (`licenses/nicknames.txt`) from the hand-made list of Carlton Northern and Nick Crews, nicknames 1.0.1, Apache-2.0 (https://github.com/carltonnorthern/nicknames), ordered by the frequencies of the 1990 census of the United States, public domain.
 */
const NICKNAMES =
  'aaron erin ronnie ron|ada addy adie|adrian rian|agnes inez nessa aggy|alan al|albert al bert|alex al|alexander alex sandy al alec|alfred fred al freddy|alice lisa elsie allie|' +
  'alicia lisa elsie allie|allan alan allen al|allen alan allan al|allison allie ali ally|amanda mandy manda|andre drea|andrea andrew andy rea andi drea|andrew randy andy drew|angela angel angie|' +
  'ann annie nan|anna ann anne annie nan|anne ann annie nan|annette anna nettie|annie anna ann|anthony tony ant|antonio tony ant|arlene lena arly|arnold arnie|arthur art|' +
  'ashley lee leah ash ashly|audrey dee audree|barbara bobbie barbie bab babs barby|beatrice bea trisha trix trixie|belinda linda belle|benjamin jamie ben benny bennie benjy|' +
  'bernard barney bernie berny berney|bertha bert bertie birdie|beth elizabeth betty betsy|beverly bev|bill robert william willie fred billy|billy robert william fred|bobby bob rob|' +
  'brad bradford ford|bradley brad|brenda brandy|brian bryan bryant|brittany britt brittnie|calvin cal vinny vin|carla karla carly|' +
  'carol carrie lynn caroline carole kara kari cassie carri carolann|caroline carol carrie lynn carole cassie|carolyn carrie lynn cassie|carrie cassie|cassandra sandra sandy cassie|' +
  'catherine kathy cathy lena kay casey trina|cathy catherine kathy cathleen|charles carl charlie chuck chick|charlie charles chuck|charlotte sherry char lottie lotta|cheryl cher|chester chet|' +
  'chris kris|christian chris kit|christina chris tina christy kristy kris chrissy|christine chris tina christy kristy kris chrissy|christopher chris kit|christy crissy|cindy cinderella|' +
  'claire clara clair clare|clara clarissa|clarence clare clair|claudia claud|clifford cliff ford|constance connie|corey ree coco cordy|cory ree coco cordy|courtney court curt|' +
  'crystal chris crys tal stal|curtis curt|cynthia cindy cintha|daniel danny dan dann|danielle dani ellie|danny daniel|darlene lena darry|david dave day davey|debbie deborah debra deb debby|' +
  'deborah debbie deb debby|debra debbie deb|delores lola della dee dell lolly|dennis denny dennie|derek ricky rick derrek|derrick eric ricky rick|diana di didi dicey|' +
  'diane dianne dian di dicey didi|donald don donnie donny dony|donna dona|doris dora|dorothy dora dolly dottie dortha dot dotty|douglas doug|eddie ed|edgar eddie ed eddy|edith edie edye|' +
  'edna edny|edward eddie ted ed teddy ned eddy|edwin eddie ed ned eddy win|eileen helen|elaine helen lainie|eleanor ellen elaine nora lenora nelly ellie|' +
  'elizabeth lisa betty beth bessie eliza betsy lizzie liza liz libby bess lib lizzy|ella ellen el|ellen helen nellie nell|elsie elsey|emily emma em millie mel emmy|emma em emmy|eric ricky rick|' +
  'ernest ernie|esther essie hester|eugene gene|eva eve|evelyn eve ev evelina|felicia felix fel feli|florence flora flo flossy|floyd lloyd|frances fran frankie fanny sis cissy francie|' +
  'francis frank fran frankie|franklin frank fran|frederick fred ricky rick freddie erick freddy|gabriel gabby gabe|george georgie|gerald jerry gerry|geraldine jerry dina gerry gerri gerrie|' +
  'gertrude gert trudy gertie|gilbert gil bert wilber|glenn glen|gloria glory|gregory greg gory|gwendolyn wendy gwen|harold harry hal hap haps|harriet hattie|harry harold henry hap haps|' +
  'heather hetty|helen ellen ella lena ellie|henry harry hal hank haps hap|herbert herb bert|herman dutch harman|howard hal howie|irene rena|isabel belle bella bell ib nibby nib|' +
  'jacob jay jake jaap|jacqueline jack jackie jacqui|james jimmy jamie jim jimmie jem|jamie james|jane jean jessie jennie janie|janet jessie jan|janice jan|jean jane jeannie|' +
  'jeanette janet jean jessie nettie|jeanne jane jeannie|jeffery jeff|jeffrey jeff geoff|jennifer jennie jenny jenni jen jenn|jeremy jezza jez|jerry geraldine gerry geri jereme|' +
  'jessica jessie jess|jessie janet jane jess|jim jimmie|joan jo nonie|joann jo|joanne jo|joe joey|john jack johnny jon ian jonnie jonny jock|jon john johnny jonnie jonny|' +
  'jonathan john nathan jon johnathan jonathon johnathon|joseph joe joey jody jos|josephine jo joey jody josie josey fina|joshua joe josh jos|joyce joy|juanita nettie nita|' +
  'judith judy judi jude judie juda|judy judith|julia julie jill jules|julie julia jules jule|june junius|justin justina juston justus|katherine kathy cathy lena kay kate trina|' +
  'kathleen kathy cathy lena kay trina cassie|kathryn kathy katie kate|kenneth ken kenny kendrick|kevin kev|kimberly kim kimberley kimberli|kristen chris|kristin chris|larry lawrence laurence|' +
  'lauren laurie ren|lawrence larry lon lonny lorry lorne lawrie|lena ellen|leo leon|leonard leon leo lenny len lineau|leroy roy lee|leslie les|lester les|lillian lil lilly lolly|' +
  'linda lynn lindy|lindsay lindsey lindsy lindsie|lisa liz|lois louise lou|loretta etta lorie lorrie retta|lorraine lorie lorrie|louis louise lewis lou louie|louise lois lou eliza|' +
  'lucille lucy lu lou cille|lucy lucinda|lydia lyddy|mabel mehitabel amabel|manuel emanuel manny|marcus mark marc|' +
  'margaret peggy rita margie daisy maggie madge margery marge meg margy peg gretta midge maggy|margarita rita megan daisy maggie margo greta|margie marjorie|marian marion marianna|' +
  'marie mary mae|marilyn mary|marion mary|marjorie margie margy|marsha mary marcia marcie|martha mattie patsy patty marty mat|martin marty|marvin marv|mary marie mae molly mamie polly mitzi|' +
  'mathew matt mat maty|matthew mattie matt matty thys thias|maureen mary|maurice morey|maxine max|megan meg|melanie mellie|melinda linda lynn mel mindy lindy|melissa lisa mel missy lissa milly|' +
  'melvin mel|michael mike micah mickey mikey micky mick|micheal mike miky mikey|michelle shelly shelley mickey shellie shely chelle|miguel michael mike miggy miguaell miguail miguell|' +
  'mike michael micky mick|mildred milly|minnie wilhelmina|miriam mitzi mimi mitzie|mitchell mitch|monica monna monnie|myrtle myrt myrti mert|nancy ann nan nanny|naomi omi|natalie nettie natty|' +
  'natasha nat tasha|nathan nat nate|nathaniel nathan nat nate natty than|nelson nels|nicholas nick nic nicky claes nico claas|nicole nikki cole nicki nicky nole|nora nonie|norman norm|' +
  'pamela pam|patricia patsy pat patty patti tricia trisha trish|patrick peter patsy pat pate paddy|patsy patty|paul polly|paula polly lina|pauline polly|peggy peg|peter pete pate|' +
  'philip phil pip|phillip phil pip|priscilla cilla cissy prissy|rachel shelly rachael|ramona mona|randall randy|ray raymond|raymond ray|rebecca becky reba beck becca|regina gina reggie|' +
  'reginald reg reggie renny naldo|ricardo ricky rick|richard ricky rick rich dick richie dicky dickie dickon|rick ricky|ricky dick rich|' +
  'robert billy bobby bill bob rob robby rupert hob dob hobkin dobbin|roberta bobbie bert robbie bertie birdie roby|roberto rob|rodney rod|roger bobby roge rodger rod hodge|' +
  'roland orlando lanny rollo rolly|ron ronnie ronny|ronald ronnie ron ronny naldo|rosa rose|rose rosie|rosemary mary marie rose rosemarie rosey|russell russ rusty|ryan ry|sabrina brina|' +
  'sam sammy|samantha sam sammy mantha|samuel sam sammy|sandra cassandra sandy|sarah sara sally sadie|scott scotty scottie squat sceeter|sharon sha shay|shawn shaun|sheila cecilia|' +
  'sheryl sherry sherri sheri sher cheri cherie|shirley sherry lee shirl|stacey stacy stacie staci|stacy staci|stephanie annie stephani steph stevie stephany stephine|stephen steve steph|' +
  'steven steve stevie steph|sue susan susie|susan sue susie hannah suzie sukey|suzanne sue susie suki|tammy tami tammie|ted teddy|teresa terry tessa tessie tess|terri terry teri terrie|' +
  'terry terence|theodore ted theo teddy|theresa terry tracy traci tracie tessa tessie|thomas tom tommy thom|tiffany tiff tiffy|tim timmy|timothy tim timmy|tina christina|tom thomas tommy|' +
  'tony anthony|valerie val|vanessa vanna nessa essa|veronica ronnie ron ronny ronna vonnie ronie|vicki victoria vickie vicky|victor vic|victoria vicki vickie vicky vic tori tory|' +
  'vincent vince vin vinny vic vinnie|viola vi ola|virginia jane jennie ginger ginny virgy|vivian vi viv|walter walt wally|wendy wen|wesley wes|william willie billy bill will wil willy bell bela|' +
  'willie william fred|wilma william billie wilhelm|yvonne vonna|zachary zac zach zack zachy zak zakk'

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
