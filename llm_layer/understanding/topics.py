"""Topics: which fact about an item a message asks for."""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

from llm_layer.understanding.act_words import Pair
from llm_layer.understanding.act_words import worded as _words

TOPICS: tuple[tuple[str, Pair], ...] = (
    ("director", _words(
        r"\bwho(?:['’]s| is| was)? (?:the )?(?:directed|directs?|made|shot|filmed|director)\b|\b(?:its|the|their|whose|which|what) directors?\b(?! [\ue002])|\bdirector of\b|\bby which director\b|\bwho(?:['’]s| is| was) it (?:directed|made) by\b|\bwho is behind\b|\bdirected by (?:who|whom)\b|\bdirector\?|[\ue000\ue001]\W{0,3}s? (?:director|maker)\b",
        r"导演(?:是|叫)?(?:谁|哪位|什么)|(?:谁|哪位|哪个导演)(?:导演|执导|拍)|谁(?:导|拍)的|的导演[？?]?$|哪个导演")),
    ("actor", _words(
        r"\bwho(?:(?:['’]s| is| was| are| were)?(?: all| else)? (?:stars?|starred|starring|plays?|played|playing|acts?|acted|acting|in\b|the (?:actors?|stars?|lead|main))|['’]s in)\b|\b(?:its|the|whole|full|which|what) (?:cast|actors?|actress(?:es)?)\b(?! [\ue002])|\bcast of\b|\b(?:actors?|stars) (?:in|of)\b|\bcast list\b|[\ue000\ue001]\W{0,3}s? (?:cast|actors|stars)\b|\b(?:is|was|does|did) \ue002\W{0,3}(?:also )?(?:in|star|play|appear|act|the star)\b",
        r"(?:主演|演员|主角|卡司|演员表)(?:都)?(?:是|有)?(?:谁|哪些|哪几|什么人|[？?]|$)|谁(?:主)?演|有(?:哪些|什么)演员|有谁(?:演|参演|出演)?$|都有谁|[\ue000\ue001](?:里面?|中)?(?:有没有|有|是)\ue002")),
    ("author", _words(r"\bwho (?:wrote|is the (?:author|writer)|authored|penned)\b|\b(?:its|the) (?:author|writer)\b(?! [\ue002])|\bauthor of\b|\bwritten by (?:who|whom)\b", r"作者(?:是|叫)?谁|谁写|的作者|哪位作家|编剧是谁")),
    ("teacher", _words(r"\bwho(?:['’]s| is)? (?:teach(?:es|ing)|the (?:teacher|instructor|lecturer|tutor))\b|\b(?:its|the) (?:teacher|instructor|lecturer|tutor)\b(?! [\ue002])|\b(?:teacher|instructor) of\b|\btaught by (?:who|whom)\b", r"(?:老师|讲师|教师)(?:是|叫)?(?:谁|哪位)|谁(?:来)?(?:教|讲课?)|哪[位个](?:老师|讲师)|的(?:老师|讲师)[？?]?$")),
    ("year", _words(
        r"\b(?:what|which) year\b|\bwhen (?:was|did|is|were|does)\b|\bhow old (?:is|are)\b(?! you)|\brelease (?:date|year)\b|\byear of\b|[\ue000\ue001]\W{0,3}s? (?:release|year)\b|\bcome out\b.*\?|\bwhat (?:decade|date)\b",
        r"(?:哪|什么|几几)一?年|什么时候(?:的|上映|出|拍|发行)|年份|上映(?:时间|日期|年)|多老|(?<![近这前后这三四五六七八九])几年的")),
    ("genre", _words(
        r"\b(?:what|which) (?:genres?|kind|type|sort|category)(?: of (?:film|movie|book|thing|course|item))? (?:is|are|does|was)\b|\b(?:its|the) genres?\b|\bgenre of\b|[\ue000\ue001]\W{0,3}s? (?:genres?|category)\b|\bis (?:it|this|that|[\ue000\ue001])\W{0,3}(?: \w+)? ?(?:an? )?(?:\w+ )?(?:comedy|drama|horror|thriller|romance|western|musical|documentary|romantic|funny|scary|violent|sad|suitable|appropriate|family|kid|child|safe|animated|sci-?fi|war)\b",
        r"(?:什么|哪种|哪个|哪一?类|属于(?:什么|哪))(?:类型|题材|类别|种类|风格|分类)|的(?:类型|题材)(?:是|[？?]|$)|是(?:喜剧|恐怖片?|爱情片?|动作片?|科幻片?|动画片?|纪录片?)吗|(?:适合|能给)(?:孩子|小孩|儿童|家人)[^，。]{0,4}(?:看)?吗|(?:恐怖|吓人|好笑|搞笑|暴力)吗")),
    ("length", _words(r"\bhow long\b|\b(?:its|the|what(?:['’]s| is) the) (?:runtime|running time|run time|length|duration)\b|\bhow many (?:minutes|hours|pages|weeks)\b|\bruntime\b.*\?|\blength of\b|[\ue000\ue001]\W{0,3}s? (?:length|runtime|running time)\b|\bis (?:it|this|that|[\ue000\ue001])\W{0,3}(?:(?:too|very|really|that) )?(?:long|short)\b\W*$", r"多长(?:时间)?|片长|时长|多久|几(?:个)?(?:分钟|小时)|多少(?:分钟|页|小时)|几页")),
    ("price", _words(r"\bhow much (?:is|does|are|do|for|would)\b|\bwhat(?:['’]s| is) the (?:price|cost)\b|\bwhat does .{0,20}cost\b|\b(?:its|the) price\b|\bprice of\b|[\ue000\ue001]\W{0,3}s? (?:price|cost)\b|\bhow expensive\b|\bis it (?:expensive|cheap|free)\b", r"多少钱|什么价|价格(?:是|多少|[？?]|$)|几(?:块|元)钱?|贵不贵|贵吗|要钱吗|怎么卖|免费吗")),
    ("rating", _words(r"\bwhat(?:['’]s| is| are) (?:the|its|their) (?:ratings?|score|stars|reviews)\b|\bhow (?:is|was|well is) (?:it|this|that|[\ue000\ue001])\W{0,2} ?(?:rated|reviewed)\b|\brating of\b(?! (?:at least|at most|over|above|more|less|under|below|around|about|\d))|\bhow good\b|\b(?:is|was|are) (?:it|this|that|[\ue000\ue001]).{0,6} (?:well rated|highly rated|popular)\b|\bwhat do (?:people|critics|others) (?:think|say)\b|\bhow many stars\b|\b(?:is|was) (?:it|this|that|[\ue000\ue001])\W{0,3}(?:any good|good|great|worth (?:it|watching|seeing|reading|buying|a (?:watch|look|try|read)))\b", r"评分(?:是|多少|怎么样|高吗|如何|[？?]|$)|(?:打了)?(?:多少|几)分|几(?:颗)?星|口碑(?:怎么样|如何|好吗)|评价(?:怎么样|如何)")),
    ("language", _words(r"\b(?:what|which) language\b|\bis it in (?:english|french|\w+)\b|\blanguage is\b", r"什么语言?|哪种语言|(?:英|中|法|日)文(?:的)?吗|哪国话")),
    ("country", _words(r"\b(?:what|which) country\b|\bwhere (?:is|was) (?:it|this|that|[\ue000\ue001])\W{0,2} ?(?:from|made|filmed|set|shot|produced)\b|\bwhere does (?:it|this|that|[\ue000\ue001])\W{0,2} ?(?:take place|come from)", r"哪个?国家?的?|哪国|哪里(?:拍|产|制作)")),
    ("level", _words(r"\b(?:what|which) level\b|\bhow (?:hard|difficult|advanced) is\b|\bis (?:it|this|that|[\ue000\ue001])\W{0,2} (?:for beginners|beginner|advanced|suitable for beginners)\b", r"难度(?:是|如何|怎么样|大吗|[？?]|$)|难(?:不难|吗)|适合(?:初学者|新手|零基础)吗|什么(?:级别|水平)")),
    ("brand", _words(r"\b(?:what|which) brand\b|\bwho (?:makes|sells|manufactures)\b", r"什么(?:牌子|品牌)|哪个(?:牌子|品牌)")),
    ("all", _words(
        r"\b(?:tell (?:me|us)|know|say|hear|learn|info(?:rmation)?|details?|read) (?:me )?(?:\w+ ){0,3}?(?:about|on) (?:[\ue000\ue001]|it\b|that\b|this\b|them\b)|\btell me (?:more )?about\b(?! (?:me|my|yourself|you)\b)|\bwhat(?: is|['’]?s|s) (?:[\ue000\ue001]\s*|it |that |this (?:one )?|the \w+ one |the (?:film|movie|plot|story|book) ?)(?:all )?(?:about|of)?\b|\bwhat happens in\b|\b(?:plot|story|storyline|synopsis|summary|premise|description) (?:of|for|in)\b|\b(?:its|the|what['’]?s the) (?:plot|story|synopsis|storyline|premise)\b|\bdescribe (?:[\ue000\ue001]|it|that|this)|\bmore (?:info(?:rmation)?|details?)\b|\bgive me (?:the )?(?:details|info)|\bwhat is [\ue000\ue001]|\bsummari[sz]e\b|\bdo you (?:have|know|carry|stock|sell|got)\W+[\ue000]|\bhave you (?:got |seen |heard of )?\W*[\ue000]|\bis [\ue000]\s*(?:available|in (?:the|your) (?:catalogue|list|library)|there)\b|\b(?:is|was|does|did|are|has) (?:[\ue000\ue001]|it\b|this\b|that\b)[^.!]*\?|\bcan (?:kids|children|my (?:kids|son|daughter)) (?:watch|see)\b",
        r"介绍(?:一下|下|[\ue000\ue001])|讲(?:的|了)?(?:是)?(?:什么|啥)|说(?:的|了)(?:是)?(?:什么|啥)|(?:说说|讲讲|聊聊|谈谈)|(?:主要|什么|的)内容|(?:剧情|情节|故事|简介|梗概)(?:是|如何|怎么样|呢|[？?]|$|简介|介绍)|(?:详细|具体)(?:信息|介绍|内容|说说|情况)|更多(?:信息|细节)|关于[\ue000\ue001]|[\ue000\ue001](?:是什么|怎么样|如何|呢[？?]?$|的(?:详情|信息|资料|简介))|有[\ue000](?:吗|没有|么|这部)|(?:你们?)?有没有[\ue000]|了解(?:一下)?[\ue000\ue001]|什么故事|主要内容|好看吗|好不好看|值得(?:一)?(?:看|读|买|学)吗|怎么样[？?]?$")),
)  # fmt: skip
