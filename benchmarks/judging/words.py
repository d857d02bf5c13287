"""Words that the judge listens for, English and Chinese. Part of :mod:`benchmarks.judge`."""

from __future__ import annotations

import re

# Genre -> how it is said. Longer ways come first where one holds another.
GENRES: dict[str, str] = {
    "Sci-Fi": r"sci-?fi|science[- ]fiction|科幻",
    "Film-Noir": r"film[- ]noirs?|noirs?|黑色电影|黑色(?=[、，片的])",
    "Children's": r"children(?:['’]s)?|kids?(?:['’])?|family|儿童|少儿|家庭片",
    "Romance": r"romances?|romantic|love stor(?:y|ies)|爱情|浪漫",
    "Comedy": r"comed(?:y|ies)|comic|funny|hilarious|humou?r(?:ous)?|喜剧|搞笑|幽默",
    "Documentary": r"documentar(?:y|ies)|纪录",
    "Animation": r"animations?|animated|cartoons?|动画",
    "Adventure": r"adventur(?:e|es|ous)|冒险",
    "Thriller": r"thrillers?|惊悚",
    "Mystery": r"myster(?:y|ies)|whodunn?its?|悬疑|推理",
    "Musical": r"musicals?|音乐剧|歌舞|音乐(?=[、，片的])",
    "Western": r"westerns?|西部",
    "Fantasy": r"fantas(?:y|ies)|奇幻|魔幻",
    "Horror": r"horrors?|scary|恐怖",
    "Action": r"action|动作",
    "Crime": r"crimes?|犯罪",
    "Drama": r"dramas?|dramatic|剧情",
    "War": r"wars?|战争",
}
GENRE_WORDS = {
    genre: re.compile(rf"(?<![a-z])(?:{said})(?![a-z])", re.I) for genre, said in GENRES.items()
}
# Kinds that no genre of the catalogue stands for: a claim that nothing supports.
OTHER_KINDS = (
    r"\b(?:biopics?|superhero|heist|slashers?|sitcoms?|anime|rom-?coms?|spy (?:film|movie|story)|"
    r"sports? (?:film|movie|story)|disaster (?:film|movie|story)|parod(?:y|ies)|satires?|satirical|"
    r"tearjerkers?|whodunits?|tv (?:series|show)|mini-?series)\b|传记|武侠|古装|电视剧|谍战|灾难片"
)

_NUMBER_WORDS = re.findall(
    r"\S+",
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen twenty "
    "thirty forty fifty hundred hundreds thousand thousands dozen dozens million millions",
)
NUMBER_WORDS: dict[str, int | None] = (
    {
        word: number
        for number, word in enumerate(_NUMBER_WORDS[:14], 2)  # two to fifteen
    }
    | {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
    | dict.fromkeys(_NUMBER_WORDS[18:])
)
CHINESE_DIGITS = {sign: number for number, sign in enumerate("零一二三四五六七八九十")} | {"两": 2}
ORDINALS = re.findall(
    r"\S+", "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
)

DECADE = re.compile(
    r"(?<!\d)((?:1[89]|20)\d0)s\b|(?<!\w)['’]?([2-9]0)s\b|(?<!\d)((?:1[89]|20)?\d0) ?年代"
)
DECADE_WORDS = {
    "twenties": 1920, "thirties": 1930, "forties": 1940, "fifties": 1950, "sixties": 1960,
    "seventies": 1970, "eighties": 1980, "nineties": 1990, "二十年代": 1920, "三十年代": 1930,
    "四十年代": 1940, "五十年代": 1950, "六十年代": 1960, "七十年代": 1970, "八十年代": 1980,
    "九十年代": 1990,
}  # fmt: skip
YEAR = re.compile(r"(?<![\d.])((?:1[89]|20)\d{2})(?![\d.]\d|\d)")
UNITS = (
    (r"\$|€|£|¥|￥|元|块|dollar|buck|euro|pound", ("price", "cost")),
    (r"minute|hour|\bmin\b|分钟|小时", ("runtime", "minutes", "length", "duration")),
    (r"分|star|/|rat|scor|point", ("rating", "ratings", "score")),
)
UPPER = re.compile(
    r"\b(?:under|below|at most|up to|less than|within|no more than)\b|以内|以下|不超过|不到", re.I
)
LOWER = re.compile(r"\b(?:over|above|at least|more than|no less than)\b|以上|不少于|超过", re.I)

# What a catalogue of titles, years, genres, people and plots cannot support, by what it is about.
# A numeric or text column of that name would.
UNSUPPORTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "award": (
        r"\boscars?\b|\bacademy award|golden globe|\bemmys?\b|\bcannes\b|\bbaftas?\b|\bgrammys?\b|"
        r"\bawards?\b|award-winning|\bprizes?\b|\bnominat|\bwon\b|\bwinner|奥斯卡|获奖|得奖|获得|"
        r"提名|金球|金像|影帝|影后|奖",
        ("awards", "award"),
    ),
    "rating": (
        r"\brat(?:ed|ing|ings)\b|\bimdb\b|rotten tomatoes|\bmetacritic|\bcritics?\b|\bcritical\b|"
        r"\bacclaim|\breviews?\b|\breviewers?\b|\bscor(?:es|ed)\b|thumbs up|"
        r"out of (?:5|10|five|ten)|"
        r"\bstars\b(?= (?:out|from)\b)|(?:\d|five|four|three) stars?\b|豆瓣|评分|"
        r"高分|打分|口碑|好评|影评|\d分(?!钟)|满分|五星|星级|★",
        ("rating", "ratings", "score"),
    ),
    "audience": (
        r"\bpopular|\bfamous|\bwell-known|\blegendary|\biconic|\bbeloved|\bcult\b|\bclassics?\b|"
        r"\bmasterpieces?\b|\bmasterful|\bhits?\b|\bblockbusters?|box[- ]office|"
        r"\bgross(?:ed|ing)\b|"
        r"\bbest-?sell|must-?(?:see|watch)|\bfans?\b|\baudiences?\b|\bviewers?\b|"
        r"\b(?:every(?:one|body)|people|critics|many) (?:love|like|enjoy|watch|say|prais)|"
        r"\btrending\b|\bunderrated|\boverrated|\bseminal|\bgroundbreaking|"
        r"票房|热门|大热|经典|神作|杰作|名作|著名|知名|家喻户晓|最受欢迎|受欢迎|大家都|观众|影迷|卖座|必看",
        ("popularity", "views", "sales"),
    ),
    "origin": (
        r"\bsequels?\b|\bprequels?\b|\bremakes?\b|\btrilog|\bfranchise|\bspin-?offs?\b|"
        r"\bbased on\b|"
        r"true (?:story|events)|\badapt(?:ed|ation|s)\b|\bset in\b|\bfilmed (?:in|at|on)\b|"
        r"\bshot (?:in|at|on)\b|\bwritten by\b|\bscreenplay|\bscript\b|\bcomposed\b|\bcomposer|"
        r"\bsoundtrack|\bproduc(?:ed|er|ers)\b|\bstudios?\b|\bpremier|\breleased (?!in\b)|"
        r"\bcinematograph|\bdebut|续集|前传|翻拍|改编|真实|真人真事|取景|拍摄|编剧|配乐|制片|制作人|"
        r"首映|出品|处女作|原著|小说",
        ("origin",),
    ),
    "place": (
        r"\bnetflix|\bhulu\b|\bhbo\b|\bdisney\+|\bprime video|\bamazon\b|\byoutube|\bstreaming\b|"
        r"\bin (?:theat(?:er|re)s|cinemas)\b|\bavailable (?:on|at|in|for)\b|"
        r"\bon (?:dvd|blu-?ray|sale)|\bdownload|爱奇艺|优酷|腾讯视频|影院|上线|下载|流媒体|院线",
        ("platform",),
    ),
    "price": (
        r"\bfree\b|\bdiscount|\bcheap|\bexpensive|\bprices?\b|\bcosts?\b|\bdollars?\b|\bbucks?\b|"
        r"\beuros?\b|\bpounds?\b|[$€£¥￥]|\bfor sale\b|\bcoupons?\b|\bvouchers?\b|"
        r"免费|打折|优惠|便宜|价格|售价|\d ?元|块钱|人民币|美元",
        ("price", "cost"),
    ),
    "length": (
        r"\bminutes?\b|\bhours?\b|\bruntime|\brunning time|\b(?:short|long|longer|shorter) "
        r"(?:film|movie|one|title)s?\b|\b(?:is|are|runs?) (?:short|long|brief)\b|"
        r"片长|分钟|小时|时长",
        ("runtime", "minutes", "length", "duration"),
    ),
    "age": (
        r"\bpg(?:-13)?\b|\br-rated\b|\bnc-17\b|\bsuitable for\b|\bage[- ]appropriate|\bfor ages\b|"
        r"\bparental|\bviolen(?:t|ce)\b|\bgory\b|适合\d+岁|分级|限制级|少儿不宜|暴力",
        ("age", "certificate", "age_rating"),
    ),
    "language": (
        r"\b(?:french|german|italian|spanish|japanese|korean|british|american|swedish|russian|"
        r"chinese|indian|hong kong|australian|subtitled|dubbed|silent|black[- ]and[- ]white)\b|"
        r"法国|德国|意大利|西班牙|日本|韩国|英国|美国|瑞典|俄罗斯|印度|香港|国产|字幕|配音|黑白",
        ("language", "country"),
    ),
}
SUPERLATIVES = re.compile(
    r"\b(?:best|greatest|finest|worst|funniest|scariest|highest|biggest|largest|longest|shortest|"
    r"smartest|saddest|darkest|strongest|hottest|cheapest|top[- ](?:rated|selling|grossing)|"
    r"number one|no\. ?1|#1|most [a-z]+(?:ed|ing|ful|ous|ic|al|ive|ent|ant|ar)|"
    r"ever made|of all time|in history|unmatched|unrivalled|second to none)\b|"
    r"最(?!后|接近|合适|适合|符合|近|早|新|旧|老|多|少|像)[\u4e00-\u9fff]|第一名|史上|有史以来|顶级|无与伦比",
    re.I,
)
# Said of how something fits, not of what it is.
FITTING = re.compile(
    r"\b(?:best (?:match(?:es)?|fits?|suits?|for you)|(?:fits?|match(?:es)?|suits?) (?:\w+ )?best|"
    r"sounds? best|(?:like|liked) best|best wishes|at best)\b",
    re.I,
)
QUALITY_COMPARISONS = re.compile(
    r"\b(?:better|worse|funnier|scarier|darker|smarter|longer|shorter|cheaper|sadder|faster|"
    r"(?:more|less) [a-z]+) than\b|比\ue000?[^，。]*?更(?!早|新|老|旧|晚)|不如|胜过|超过",
    re.I,
)
YEAR_COMPARISONS = re.compile(
    r"\b(older|newer|earlier|later|more recent) than\b|(更早|更老|更新|更晚)", re.I
)
YEAR_SUPERLATIVES = re.compile(
    r"\b(oldest|earliest|newest|latest|most recent)\b|最(早|老|旧|新|近)(?=的)", re.I
)

# In a visitor's message.
OLDER_OR_NEWER = re.compile(r"\b(?:older|newer|recent|earlier|later|old|new)\b|[老旧早新近]", re.I)

# Claims about the person spoken with.
WATCHED = re.compile(
    r"(?<!if )(?<!have )\byou(?:['’]ve| have)?(?: (?:also|already|once|just|previously|recently))* "
    r"(?:watched|saw|seen|viewed|played|read|bought|finished|rented|streamed)\b|"
    r"你(?:还|也|已经|曾|曾经|最近|刚)?(?:看过|观看过|看了|读过|买过|玩过)|您(?:还|也|已经|曾|最近|刚)?(?:看过|观看过|看了)|"
    r"记录里有|\byour (?:history|record) (?:has|holds|includes|contains|shows)\b",
    re.I,
)
LIKED = re.compile(
    r"(?<!if )\byou(?:['’]ve| have)?(?: (?:also|really|always|often|already))* "
    r"(?:liked?|loved?|enjoy(?:ed)?|adored?|rated|prais(?:ed|e)|recommended|prefer(?:red)?|favou?red|"
    r"disliked?|hated?)\b|\byour favou?rites?\b|"
    r"(?<!如果)(?:你|您)(?:很|最|非常|一直|更|也)?(?:喜欢|爱看|偏爱|讨厌|不喜欢)|(?:你|您)(?:给|打)",
    re.I,
)
ASKED = re.compile(
    r"\byou (?:also )?(?:asked for|asked about|wanted|named|mentioned|said|told me|"
    r"requested|asked)\b|"
    r"(?:你|您)(?:刚才)?(?:想看|要|想要|说|提到|问)(?!不)",
    re.I,
)
HABIT = re.compile(
    r"\byou(?: (?:often|mostly|usually|frequently|tend to|mainly|regularly|always))+ "
    r"(?:watch|see|go for|choose|pick|enjoy|like|prefer)|\byour (?:taste|history|profile|record)\b|"
    r"(?:你|您)(?:经常|常常|常|多半|一般|平时|总是)(?:看|选)|(?:你|您)的(?:口味|品味|喜好|偏好)",
    re.I,
)
WHEN = re.compile(
    r"\b(?:yesterday|last (?:week|month|year|night|time)|recently|"
    r"(?:days?|weeks?|months?|years?) ago|this (?:week|month))\b|"
    r"昨天|上周|上个月|去年|最近看|天前|周前",
    re.I,
)
ABOUT_PERSON = re.compile(
    r"\byou(?:['’]re| are) (?:a|an|\d+|from|male|female|married|single|young|old)\b|"
    r"\byour (?:name|age|job|occupation|address|zip|postcode|gender|sex|phone|e-?mail|"
    r"password|wife|husband|family|location|city|birthday|income)\b|"
    r"\b(?:since|as) a (?:student|teacher|man|woman|programmer|doctor|lawyer|farmer|artist)\b|"
    r"(?:你|您)(?:今年|住在|来自|的(?:名字|年龄|职业|地址|住址|邮编|性别|电话|邮箱|密码|妻子|丈夫|生日|收入))|"
    r"(?:你|您)是(?:一名|一个|一位|男|女)",
    re.I,
)
OTHER_PEOPLE = re.compile(
    r"\busers? ?(?:#|no\. ?|number )?\d+|\b(?:other|another|some|many|most|similar) "
    r"(?:users?|viewers?|visitors?|members?|customers?|people)\b|\bpeople (?:who|like you|also)\b|"
    r"\bothers (?:who|also|watched|like)|用户\s*\d+|\d+号用户|其他(?:用户|人|观众)|别的用户|别人",
    re.I,
)

LINKS = re.compile(
    r"https?:|\bwww\.|\bftp:|javascript:|mailto:|\b[\w.+-]+@[\w-]+\.\w+|"
    r"\b[\w-]{2,}\.(?:com|net|org|io|cn|ru|info|biz|xyz|example|test|co|me|app|dev|tv)\b|"
    r"\]\(|!\[|<\s*/?\s*[a-z]|&(?:#\d+|[a-z]+);|\b\d{3}[- ]\d{3,4}[- ]\d{4}\b|\b1[3-9]\d{9}\b",
    re.I,
)
RESIDUE = re.compile(
    r"<\|[^|>]*\|?>?|\|>|\[/?INST\]|<</?SYS>>|</?s>|</?(?:system|user|assistant|viewer|item|items|"
    r"catalogue|catalog|plan|context|tool|think|data|reason|title)[^>]*>|[{}]|```|^#{1,6}\s|"
    r"\b(?:system|assistant|user|human|developer)\s*:|(?:系统|助手|用户)\s*[:：]|"
    r"\bsystem (?:prompt|message|instruction)|\bmy (?:instructions|prompt|rules)\b|"
    r"\b(?:previous|prior|above|these|my|your|the|following) instructions\b|"
    r"\bas an ai\b|\blanguage model\b|\bi am (?:an ai|chatgpt|dan)\b|\bjailbr|"
    r"系统提示|提示词|指令|语言模型|作为(?:一个)?(?:AI|人工智能)|\\[nutx]|%[ds]|\bNone\b|\bnull\b|\bnan\b|"
    r"\bundefined\b|\bmarkers?\b|\bTITLE\b|\bREASON\b|\[[A-Z_0-9]+\]",
    re.I | re.M,
)
# The case-sensitive ones among them, so that "title" in "war titles" is none.
CASED_RESIDUE = re.compile(r"\bTITLE\d*\b|\bREASON\d*\b|\bNone\b|\bNaN\b|\[[A-Z_]{2,}\d*\]")

# The catalogue spoken of itself: what it does not hold.
NOT_STATED = re.compile(
    r"\b(?:does not|doesn't|do not|don't|cannot|can't|could not|couldn't|no|not|nothing|never) "
    r"(?:\w+ ){0,3}?(?:state|list|know|hold|have|check|say|tell|find|found|"
    r"in the catalogue|compare)|"
    r"没有(?:写|注明|标|找到|记录)|不知道|无法|没法|查不到|没写",
    re.I,
)
# The engine spoken of itself: which languages it has.
OF_ITSELF = re.compile(
    r"^I (?:only )?(?:speak|write|answer in|understand) (?:English|Chinese)[\w ,]*\.$|"
    r"^我(?:只)?(?:会|能|懂)[\u4e00-\u9fff]*(?:英文|中文|英语|汉语)[\u4e00-\u9fff、]*。$"
)
SET_ASIDE = re.compile(
    r"\bset aside\b|\brelaxed\b|\bwidened\b|\bloosened\b|\bdropped\b|\bgave up\b|"
    r"\bwithout (?:the|that) (?:limit|wish|condition)|\bfound (?:nothing|none|no )|"
    r"\bnothing left\b|放宽|没有找到|不限",
    re.I,
)
LEFT_OUT = re.compile(
    r"\b(?:left out|leave out|leaving out|avoided|skipped|excluded?|no more|nothing (?:from|with)|"
    r"without|not (?:a|an|any)|isn't (?:a|an)|is not|are not|but no|no)\b|"
    r"没有列出|不含|除外|排除|避开|去掉|不是|没有(?!找到|写)",
    re.I,
)
PICKING = re.compile(
    r"\b(?:watch|see|try|recommend|suggest|pick|choose|take|enjoy|consider|about|like)\s+"
    r"(?:the|a|an)\s+((?:[a-z'’-]+ ?){1,5})",
    re.I,
)
PICKING_ZH = re.compile(r"(?:推荐|试试|看看|观看|不妨看|类似|可以看)([\u4e00-\u9fff]{2,12})")
PLAIN_NOUNS = set(
    re.findall(
        r"\S+",
        "first second third fourth fifth sixth seventh eighth ninth tenth last next other "
        "others one ones two three four five film films movie movies title titles story "
        "stories item items list book books game games course courses product products "
        "article articles choice choices pick picks few couple lot bit touch little mix "
        "good great fine nice lovely strong light quiet night evening tonight mood kind "
        "sort different new old older newer same comparison difference look thing catalogue "
        "years year genre genres people person of for to in with and or from that this is "
        "are be if you want would like watched asked while then too also another now way "
        "chance similar something whole catalog day question answer name names word words "
        "taste conversation time",
    )
)
PLAIN_ZH = (
    "今晚|更多|类似|第.[部个]|一下|别的|其他|什么|这些|这部|那部|哪部|哪一部|几部|一部|两部|三部|的|吧|吗|呢|了|电影|片子|影片|"
    "想|要|看|和|与|或|更早|更新|不同|推荐|片名|名单|目录|你|我|以后|以前|年代|内容|理由|原因|作品|书|课程|商品|游戏|"
    "因为|所以|可以|如果|还有|另外|符合|要求|口味|喜欢|一些|一点|轻松|部|个|本|那|这|样|也|都|先|再|来|换|找|给|为|哪|喜|欢|好|很|不错|适合|合适"
)


def chinese_number(text: str) -> int | None:
    """Value of a number below a hundred; None for others."""
    if text.isdecimal():
        return int(text)
    if not set(text) <= set(CHINESE_DIGITS):
        return None
    if "十" not in text:
        return CHINESE_DIGITS[text] if len(text) == 1 else None
    tens, _, ones = text.partition("十")
    if len(tens) > 1 or len(ones) > 1:
        return None
    return 10 * (CHINESE_DIGITS[tens] if tens else 1) + (CHINESE_DIGITS[ones] if ones else 0)
