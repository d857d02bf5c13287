"""Words of acts: by what people say that they take, want, ask or turn something down.

Each act has an English and a Chinese pattern over the shape of a message, in which named and
pointed-at items are marks. Chinese is matched without its white space.
"""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re

from llm_layer.understanding.page import ITEM, PLACE

Pair = tuple["re.Pattern[str]", "re.Pattern[str] | None"]
_I = re.IGNORECASE
_X = f"[{ITEM}{PLACE}]"  # an item that is named or pointed at
_IT = rf"(?:{_X}|it|that(?: one)?|this(?: one)?|them)"
_GOOD = r"(?:good|great|perfect|nice|fine|interesting|fun|right|lovely|ideal|cool|awesome|amazing|promising|tempting|excellent|fantastic|wonderful|intriguing|about right|like (?:a winner|fun|my thing))"


def worded(english: str, chinese: str = "") -> Pair:
    """Patterns of an act."""
    return re.compile(english, _I), re.compile(chinese, _I) if chinese else None


_FORGETTING = (
    r"(?:delete|erase|remove|forget|wipe|clear|purge|scrub|destroy|get rid of|throw away|drop)"
)
_ZH_FORGETTING = (
    r"(?:删除|删掉|删了|删|清除|清空|清掉|抹掉|抹去|忘掉|忘记|忘了|忘|销毁|移除|注销|消除|擦除)"
)
FORGET = worded(
    rf"\b{_FORGETTING} (?:all |out |everything |of )*(?:about )?me\b(?! (?:a|an|the)\b)"
    rf"|\b{_FORGETTING} (?:\w+ ){{0,4}}?my (?:\w+ ){{0,2}}?(?:data|profile|history|info(?:rmation)?|account|preferences|records?|tastes?|memory|conversations?|chats?|details|ratings|past|likes|stuff)\b"
    rf"|\b{_FORGETTING} .{{0,40}}(?:\byou(?:['’]?ve)? (?:have )?(?:know|knew|learn(?:ed|t)|remember|stored?|saved?|got|kept|keep|collected|have|hold)|about me|on me)\b"
    r"|\b(?:don['’]?t|do not|stop)(?: (?:want|like) you to| you)? (?:remember|know|keep|stor|sav|track|collect)\w* (?:\w+ ){0,4}?(?:me|my)\b|\bright to be forgotten\b|\bgdpr\b|\bmy data (?:deleted|removed|erased|gone)\b",
    rf"{_ZH_FORGETTING}(?!.{{0,3}}(?:刚|前面|上面|之前|以上))[^，。！？]{{0,8}}(?:我的(?:所有|全部|一切|个人|历史|观看|浏览|聊天|用户|相关)*(?:数据|资料|信息|记录|历史|画像|偏好|隐私|档案|喜好|口味|账号|账户|痕迹|一切)|关于我|有关我|跟我有关|你(?:所)?(?:知道|记得|记住|了解|保存|存|收集)|我(?:吧|$|[，。！]))"
    rf"|把(?!.{{0,6}}(?:刚|前面|上面))[^，。]{{0,12}}(?:关于我|我的?(?:[^，。]{{0,6}}(?:数据|资料|信息|记录|历史|画像|档案))?)[^，。]{{0,6}}{_ZH_FORGETTING}"
    r"|(?:别|不要|不许|停止)再?(?:记住?|保存|存|收集|记录)[^，。]{0,6}(?:我|数据|信息)",
)
PROFILE = worded(
    r"\bwhat(?: do|['’]?s| is| have| did| else do)? ?(?:you|u) (?:already |really |actually )?(?:know|got|have|learn(?:ed|t)?|remember(?:ed)?|store[d]?|keep|saved?|think)\b.{0,12} (?:about|on|of) (?:me|my)\b|\bwhat do you think i(?:['’]?d)? (?:like|enjoy|prefer)"
    r"|\b(?:what(?: is|['’]?s| are)|show(?: me)?|tell me(?: about)?|describe|see|view|how (?:does|do) (?:you (?:see|describe))?|summari[sz]e|display) (?:me )?my (?:\w+ )?(?:taste|tastes|profile|history|preferences|favou?rites?|likes|data|ratings|interests)\b"
    r"|^\W*my (?:taste|tastes|profile|history|preferences)\W*$|\bin my (?:profile|history)\b"
    r"|\bwhat (?:kinds?|sorts?|types?|genres?)(?: of \w+)? do i (?:usually |normally |often |mostly )?(?:like|watch|enjoy|prefer|read|buy)|\bwhat do i (?:usually |normally |often |mostly )?(?:like|watch|enjoy|prefer|read|buy)\b"
    r"|\bwhat (?:did|have|had) i (?:\w+ )?(?:watch(?:ed)?|see|seen|rated?|read|bought|buy|liked?|told you|taken)\b|\bwho am i\b|\btell me (?:something )?about (?:myself|me)\b|\bdo you (?:still )?(?:remember|know|recogni[sz]e) (?:me|who i am|my|what i)\b|\bwhat (?:\w+ ){1,3}(?:do|have|did) you (?:have|got|keep|store|hold|know|collect|save|stored)\w* (?:on|about|of) me\b|\bhow well do you know me\b|\bwhat data\b.{0,20}\bme\b|\bknow about my (?:taste|preferences)",
    r"你?(?:都|还|现在|到底)?(?:知道|了解|记得|记住了?|掌握|存了?|有)(?:我|关于我)(?:的)?(?:什么|哪些|多少|啥|些什么)|你?(?:对我|关于我)[^，。]{0,4}(?:知道|了解|记得|有)[^，。]{0,4}(?:什么|多少|啥|哪些|吗)?|你了解我|你记得我|你认识我|我是谁|你眼中的我|你怎么看我|你?对我的?(?:印象|看法|评价)|我是(?:一)?个?(?:什么|怎么|怎)样的(?:观众|用户|人|读者|顾客)"
    r"|我(?:最近|平时|通常|一般|以前|都|之前|曾经)*(?:看过|喜欢|爱看|看|读过|买过|学过|评过)(?:的)?(?:都是|是)?(?:什么|哪些|啥)(?!好|比较|呢?$)|我(?:一般|平时|通常|经常)(?:喜欢)?看(?:什么|哪)|(?:我的|看看我|查看我|显示我)(?:的)?(?:观影|观看|个人|用户|历史|阅读|购买)*(?:口味|喜好|品味|画像|偏好|资料|档案|历史|记录)(?:是什么|是啥|是怎样|怎么样|如何|有哪些|[？?]|$)|你(?:那里)?(?:有|存了|保存了)我的?(?:什么|哪些)",
)
RESET = worded(
    r"\b(?:start(?:ing)? (?:all )?(?:over|again|fresh|anew|from (?:scratch|zero|the beginning))|start (?:a )?new (?:search|conversation|chat|one|list)|from scratch|begin (?:again|anew|over)|new (?:search|conversation|chat)|clean slate|fresh start"
    r"|forget (?:about )?(?:that|it|everything|all|what i (?:said|asked|told)|the (?:rest|previous|last|filters?|above)|my (?:last|previous))(?! movie| film)|reset|restart|never ?mind|nevermind|scrap (?:that|it|all)|clear (?:the |all |my )*(?:filters?|everything|constraints?|search|chat|criteria|conversation|list)|(?:drop|remove|ignore) (?:all|everything|(?:all )?(?:the|my) (?:filters|constraints|criteria|conditions|requirements))|let['’]?s (?:try )?again from|wipe the slate|undo everything|back to (?:square one|the start|the beginning))\b",
    r"重新(?:开始|来|推荐过|选|搜)|从头(?:再)?(?:来|开始)|重来|重置|清空(?!.{0,4}我)|清除(?:条件|筛选|所有条件)|(?:忘掉|忘了|忘记|别管)(?:它|这个|这些|刚才|刚刚|前面|上面|之前|以上|我(?:刚|前|之)|所有要求|一切)|(?:前面|刚才|之前|以上)(?:说的|的要求|的条件|的话)?(?:都)?(?:不算|作废|忘|取消|不要了)|归零|推倒重来|换个话题|重启",
)
CORRECT = worded(
    r"\bi (?:meant|mean)\b(?! it\b)|\bwhat i (?:meant|mean|said|wanted|asked)\b|\bnot what i (?:meant|mean|said|asked|wanted|want)|^\W*(?:that['’]?s )?wrong\W|\b(?:you )?mis(?:understood|understand|heard|read|interpreted)\b|\bmisunderst\w+|\bgot (?:me|it|that|this) (?:all )?wrong\b|\byou(?:['’]re| are) (?:mistaken|wrong)|\bthat(?:['’]?s| is| was) (?:wrong|incorrect|not (?:right|correct|it\b(?! for me)))"
    r"|\bi (?:said|asked for|asked you for|was (?:talking|asking) (?:about|for)|was referring to|was after|told you)\b|\bi (?:actually |really )?wanted .*\bnot\b|\bmy (?:mistake|bad)\b|^\W*correction\b|\bi (?:didn['’]?t|did not|never) (?:say|said|mean|ask|asked|want you|wanted)\b|\bwrong (?:one|film|movie|title|item|person|director|genre|year|book|course)\b"
    r"|^\W*(?:no|nope|wait|sorry|oops|actually|hmm)\W+(?:no\W+)?(?:wait\W+)?(?:i (?:wanted|want)(?: \w+){1,4} (?:not|instead of|rather than)\b|not (?:the |that |this )?\w+(?: \w+)?\W+(?:but )?(?:the |i )|the other (?:one|film|movie|book)\b|the \w+ (?:not|one\W+not)\b|rather the\b|it['’]?s )|\bi typed|\btypo\b|\binstead of what\b|\bnot the (?:film|movie|book|remake|original|series|sequel|song|band|actor)\b|\bthe other (?:film|movie|book|one) (?:called|named|with that name|of that name)\b",
    r"我(?:的)?意思(?:是|其实)|我(?:刚才|刚刚|之前|本来|其实|明明)*(?:说|问|要|想要|想看|指|点|找|想找|想说|打)的?是(?!什么|哪)|我(?:是|本来是)(?:说|指|想说|要说|想要)|我指的|(?:理解|弄|搞|听|会|误会|领会|看|认|记|写|打|说)错(?:了|我)?|误会|误解|不是(?:这个|那个|这|那)?(?:个)?意思|我(?:可)?没(?:有)?(?:说|要|问|让|想要)|说的不是|要的不是|问的不是|指的不是|更正|纠正|口误|^不[是对]?[，,。!！ ]+(?:不是|是|我|应该|错)|^不是[^，。]{1,14}[，,](?:而)?(?:是|我要|要)|不对",
)
OUT_OF_SCOPE = worded(
    r"\bweather\b|\btemperature\b|\bforecast\b|\brain(?:ing)? (?:today|tomorrow|now)|\bwill it (?:rain|snow)\b|\d+\s*(?:[+*×÷^=]|(?<=\s)[-/x](?=\s)|plus|times|minus|divided by|multiplied by)\s*\d+|\bsquare root\b|\bcalculate\b|\bsolve\b|\bequation\b|\bhow much is \d|\bpercent of\b"
    r"|\b(?:write|debug|fix|generate|create|compose|draft|code|program|make|build) (?:me |us )?(?:an? |some |the |my |this )?(?:\w+ ){0,3}?(?:code|scripts?|programs?|functions?|sql|html|regex|apps?|websites?|essays?|poems?|e-?mails?|letters?|songs?|haikus?|cv|resume|speech|reports?|homework|tweet|blog post|loop|query|class in)\b"
    r"|\btranslat(?:e|ion)\b|\bhow do (?:you|i) say\b|\bnews\b(?! (?:film|movie))|\bheadlines\b|\bstocks? (?:price|market)|\bbitcoin\b|\bcrypto(?:currency)?\b|\bexchange rate|\belections?\b|\bpresident of\b|\bprime minister\b|\bcapital (?:city )?of\b|\bpopulation of\b|\b(?:football|soccer|basketball|match|game) (?:score|result)|\bwho won\b|\bworld cup\b"
    r"|\btell (?:me|us) (?:a|another|some) (?:good |funny )?(?:jokes?|story|riddle|fun fact|bedtime story)|\bjoke\b(?! (?:film|movie|comed))|\bsing (?:me|a|us)\b|\b(?:book|order|reserve|call|buy) (?:me |us )?(?:an? |some |the )?(?:\w+ )?(?:flights?|hotels?|table|taxi|cab|uber|pizza|train|restaurant|food|dinner|plane ticket|ticket to)\b"
    r"|\bwhat(?:['’]?s| is) (?:the )?(?:time|date)(?: (?:is it|now|in|today))?\W*$|\bwhat time is it\b|\bwhat day is\b|\b(?:set|start) (?:an? |the )?(?:alarm|timer|reminder)|\bremind me\b|\bmy homework\b|\bmeaning of life\b|\bcook(?:ing)? (?:a |some )?(?:rice|pasta|steak|eggs?|dinner)|\brecipe for\b|\bhow (?:do|can|to|should) (?:i )?(?:cook|bake|fix|repair|install|lose|get to|make an?|reset my|invest|tie|change (?:a|my))\b"
    r"|\bwho (?:are|made|created|built|trained|programmed) you\b|\bwhat(?:['’]?s| is) your (?:name|favou?rite colou?r|age|opinion)|\bare you (?:an? )?(?:human|robot|bot|ai|real|chatgpt|person|machine|gpt)|\bhow old are you\b|\b(?:will you marry|do you love|love you|marry) me\b|\bdo you have feelings\b|\bsystem prompt\b|\b(?:your|these|the|previous|prior|above|all) (?:hidden |secret |initial |original )*(?:instructions|prompts?|guidelines)\b|\bignore (?:all |any |the |your |previous |prior )*(?:instructions|rules)|\bpretend (?:to be|you)|\bact as (?:an? |if)|\brole-?play|\bjailbreak|\bdeveloper mode\b|\bcredit card|\bpassword|\bapi key|\bother (?:users?|customers?)['’]?s? (?:data|history|ratings|information)|\bpolitics\b|\bvote for\b|\bmeaning of\b|\bgoogle\b|\bsend (?:an? )?(?:email|message|text)|\bplay (?:me )?(?:a |some )?(?:song|music)\b|\bturn (?:on|off) the\b|\bdirections to\b|\bhow far is\b|\bhow tall is\b|\bwhat is love\b|\bdefine\b",
    r"天气|气温|下雨|多少度|几度|\d+(?:[+＋*×÷/xX加减乘除-]|乘以|除以)\d+|等于(?:几|多少)|算一?[下算]|计算|平方根|解(?:一下)?(?:这个)?方程|写(?:一?[段个首篇份封])?[^，。]{0,8}(?:代码|程序|脚本|诗|作文|邮件|论文|情书|简历|歌词|报告|故事|函数|信)|翻译|新闻|股票|股价|股市|汇率|比特币|总统|首相|首都|人口|选举|世界杯|比赛结果|比分|(?:讲|说|来)一?个(?:笑话|故事|段子)|笑话|唱(?:一?首)?歌|订(?:一?[张个份])?[^，。]{0,4}(?:机票|酒店|餐|外卖|车票|火车票|披萨|位子?|桌子?|包间|房)|打车|叫(?:个|辆)?车|点(?:个|份)?外卖|几点(?:了|钟)|现在几点|今天几号|星期几|周几|闹钟|提醒我"
    r"|你是谁|你叫什么|你是(?:机器人|人类?|真人|AI|ai|不是)|你(?:今年)?(?:几|多大)岁?|谁(?:做|创造|开发|发明|训练)了?你|系统提示|提示词|忽略[^，。]{0,8}(?:指令|规则|要求)|扮演|假装你|角色扮演|(?:怎么|如何)(?:做(?:饭|菜|蛋糕)|煮|炒|修|安装|减肥|去|走|理财|炒股)|菜谱|红烧|作业|帮我写|帮我画|密码|信用卡|其他用户|别的用户|别人的(?:数据|记录|历史)|你喜欢我吗|你爱我|放(?:一?首)?歌|(?:打开|关掉?|关闭)(?:灯|空调|音乐)|怎么走|多远|多高|人生的意义|导航|快递|彩票",
)
SELF = re.compile(
    r"prompt|instructions|ignore|pretend|jailbreak|developer mode|password|credit card|api key|other (?:user|customer)|role-?play|\bact as|系统提示|提示词|指令|扮演|密码|信用卡|其他用户|别人的",
    _I,
)
# Words that make a message one about the catalogue after all.
IN_SCOPE = re.compile(
    r"\b(?:items?|products?|films?|movies?|books?|novels?|courses?|articles?|documentar(?:y|ies)|comed(?:y|ies)|thrillers?|shows?)\b|\brec+om+[ae]nd|\bsuggest|\bwatch\b|推荐|电影|片|想看|的书|课程|文章|商品",
    _I,
)
COMPARE = worded(
    rf"\bcompar(?:e|ed|ing|ison)\b|\bversus\b|\bvs\b|\bdifferences?\b|\bhow (?:do|does|is|are) .{{0,30}}(?:differ|different|compare|stack up)|\bwhat sets\b|\bside by side\b"
    rf"|\bwhich (?:one |movie |film |book |course |of (?:them|these|those|the (?:two|three|\w+)(?: \w+)?|{_X}) )?(?:is|was|has|would be|['’]s|are|runs|costs|lasts|came out|got)? ?(?:the )?(?:\w{{2,}}er|more(?! like)|better|best|worst|worse|\w{{3,}}est|most|least|less|first|cheapest)\b(?! (?:me|one like))"
    rf"|\b(?:is|was|does|are) {_X}.{{0,25}}\b(?:\w{{2,}}er|more|better|less)\b.{{0,20}}\bthan\b|{_X}\s*(?:,\s*)?(?:or|vs\.?|versus)\s*{_X}|\bwhat(?:['’]s| is) better\b|\bhow (?:much )?(?:longer|older|newer|shorter|cheaper) is\b",
    rf"(?:^|[，,。]|请|帮我|给我|能|来|做)(?:一下|个)?比较(?:一下|下|{_X}|这|第|前|[^，。]{{0,6}}和)|对比|区别|差别|有(?:什么|何|啥|哪些)(?:不同|不一样|差异)|(?:比|相)较|比起来|放在一起|(?:跟|和|与)[^，。]{1, 24}比(?:怎么样|如何|怎样|呢|一比)|\bpk\b|\bvs\b|哪[个一]?[部个本门篇件款]?(?:电影|片子|书)?(?:会|要)?(?:更|比较|最)|哪[个一]?[部个本门篇件款](?:好|长|短|老|新|贵|便宜)|{_X}(?:和|跟|与|还是|、|或){_X}.{{0,8}}(?:哪|比|谁|选|更)|{_X}(?:比|有){_X}.{{0,6}}(?:[吗么?？]|多少)|{_X}还是{_X}|谁更",
)
WHY = worded(
    r"^\W*(?:and |but |so |ok(?:ay)? |hmm )?why\b(?! not\b| don['’]?t)|\bhow come\b|\bwhat makes you (?:think|say|recommend|suggest)|\bwhat made you\b|\bon what (?:basis|grounds)\b|\bwhat(?:['’]?s| is| was| are) (?:the|your) (?:reasons?|reasoning|rationale|logic|thinking)|\breasons? (?:for|behind|why)\b|\bhow did you (?:come up|pick|choose|decide|arrive|get to|select|find)|\bexplain\b(?! (?:the )?(?:plot|story|ending))|\bjustify\b|\bwhy(?: do| did| are| is| would| this| these| that| the)\b(?! we)",
    r"为什么(?!不)|为啥|为何|理由|凭什么|怎么会(?:推荐|选|想到)|原因|依据|根据什么|解释(?:一下|下)?(?!剧情)|怎么(?:选出|挑出|想到|推荐)|干嘛推荐|因为什么",
)
ACCEPT = worded(
    rf"\b(?:i|we)(?:['’]?ll| will|['’]?m going to|['’]?m gonna| am going to|['’]?d like to| want to| think i['’]?ll| guess i['’]?ll)? (?:just |probably |definitely |gladly )?(?:take|go(?:ing)? (?:with|for)|watch|pick|choose|buy|read|get|grab|try|enroll? in|sign up for|order|start with|settle (?:for|on)|opt for|chose|picked|have) (?:the )?{_IT}(?! \w+ (?:already|before))(?:\W|$)"
    rf"|\b(?:let['’]?s|lets|gonna|let me) (?:watch|go (?:with|for)|do|take|try|pick|see|get|have|read|order) (?:the )?{_IT}|\b(?:i['’]?m|im) (?:taking|going (?:with|for)|choosing|picking|watching) (?:the )?{_IT}|\b(?:go|going) (?:with|for) {_IT}"
    rf"|(?<!is )(?<!was )(?<!does ){_X}\W{{0,2}}(?: (?:it is|please|then|works|will do|wins|is (?:it|the one|mine)|for me|for tonight)|.{{0,4}}\b(?:sounds?|looks?|seems?|is|['’]s) (?:\w+ ){{0,2}}?{_GOOD})\b(?!.*\?)"
    rf"|\b(?:that |it |this )?(?:all )?(?:sounds|looks|seems) (?:\w+ )?{_GOOD}(?! (?:but|though))|\b(?:that|it|this)(?: one)? (?:works|will do|['’]ll do|is (?:perfect|it|the one))\b|\b(?:that|this)['’]?s (?:the one|it\b|perfect for)|\bworks for me\b|\bit['’]?s a deal\b|^\W*(?:deal|sold|done deal|i['’]?m in|count me in|bingo)\b|\b(?:that one|this one)\W*(?:please|then)?\W*$|\byou(?:['’]ve)? convinced me\b|\bgood (?:pick|choice)\W+i['’]?ll\b"
    rf"|^\W*(?:(?:ok(?:ay)?|yes|yeah|yep|sure|alright|all right|fine|great|perfect|cool|right|hmm|and|well|oh)\W+)*(?:(?:i(?: want|['’]?d (?:like|love)| would like|['’]?ll have| take| choose| pick)|give me|gimme|make it|just|maybe|then) )?(?:the )?{_X}(?:\W+(?:then|please|it is|i guess|thanks|thank you|for me|tonight|will do))*\W*$"
    r"|^\W*(?:yes|yeah|yep|yup|ya|sure|ok(?:ay)?|alright|all right|fine|agreed|absolutely|definitely|why not|go ahead|of course|yes please|sure thing)\W*(?:please|thanks|then|sure|ok|let['’]?s do (?:it|that))?\W*$"
    rf"|\badd (?:it|that|this|{_X})\W{{0,2}}to (?:my|the)\b|\b(?:buy|order|rent|enroll? me in|put) (?:it|that|this|{_X})\b|\bi(?: really| quite| also)? (?:like|love|fancy) (?:{PLACE}|that one|this one)|\bi(?:['’]?ve)? (?:decided|made up my mind)|\bdecided on\b|\bi want {_X}\W*$|\bjust what i (?:wanted|was looking for|needed)\b|\bexactly what i (?:wanted|was looking for|need)",
    rf"(?:那|好|行|嗯|可以|ok|那么|决定|我)?[，,]?就(?:看|选|要|来|买|读|学|听|定|挑|拿|是)?(?:它|这[部个本门篇件款]?|那[部个本门篇件款]?|{_X})(?!.{{0,2}}(?:不|没|样))|(?:那|好的?|行|嗯|可以|ok|那就|就)[，,]?(?:我)?(?:就)?(?:看|选|要|来|买|读|学|试试|试一下)(?:一下)?{_X}(?!.{{0,3}}(?:类|那样|一样|差不多|的))|我(?:就|决定|打算|准备|今晚)*(?:要|选|选择|买|看|挑|拿|学|读)(?:了|定了|下)?(?:{PLACE}|{ITEM}(?:了|吧|$)|它)(?!.{{0,3}}(?:类|那样|一样|差不多|的))|(?:选|要|买){PLACE}(?!.{{0,3}}(?:类|那样|一样))"
    rf"|{_X}(?:吧|好了|就行|不错|挺好|还不错|很不错|可以|听起来|看起来|看着|很好|好的?$|蛮好|挺有意思|有意思|很合适|合适|太好了|正好|棒|就好)|(?:听起来|看起来|看着|听着|感觉)(?:挺|很|还|都)?(?:不错|好|行|有意思|可以|棒)|成交|下单|加(?:入|到)?(?:我的)?(?:购物车|收藏|片单|清单|书单)|^(?:我)?(?:要了|买了|选好了|决定了)|^(?:好的?|行|可以|嗯+|是的?|对|没问题|好[呀啊吧嘞哒]|成|ok|OK|就这样|同意|那好吧?|行吧|可以的|要的?)[。！!吧呀啊～~]*$|正是我想要的|就要(?:它|这|那)|喜欢{PLACE}$|我(?:挺|很|比较|还挺|蛮)?喜欢{PLACE}(?![^，。]{{0,2}}(?:类|那样|风格))",
)
REJECT = worded(
    rf"\bnone of (?:these|those|them|the above|that|it|your)\b|\bnot (?:any of )?(?:these|those|them|this|that|interested|for me|my (?:thing|taste|style|kind|cup of tea|type)|what i(?:['’]?m| am| was) (?:looking for|after|in the mood)|feeling|really my|convinced|into|quite (?:right|what)|keen)\b"
    rf"|\b(?:don['’]?t|do not|dont|didn['’]?t|can['’]?t stand) (?:really |particularly |much )?(?:like|want|fancy|care for|feel like|enjoy|need|love) (?:any(?: of)?|these|those|them|this|that|it|either|your|what)\b|\b(?:are|is|was|were)n['’]?t (?:really |quite )?(?:what i|for me|my (?:thing|taste|style)|it\b|interesting|great|good)|\bneither\b|\bno,? thanks?\b|\bno thank you\b|\b(?:these|those|they|this|that|it|all of them)(?: (?:all|one|films?|movies?|suggestions?|books?))? ?(?:are|is|look|looks|sound|sounds|seem|seems|was|were|['’]?s|['’]?re)(?: all| both)?(?: (?:so|really|pretty|just|too|rather|quite))? (?:bad|boring|awful|terrible|lame|dull|garbage|rubbish|not (?:good|great|it|for me)|crap|uninteresting|meh|horrible|no good|unappealing)"
    rf"|\b(?:hate|dislike|skip|drop|remove|pass on|hated) (?:{PLACE}|these|those|them|all|that|this|it)\b|^\W*(?:no|nope|nah|pass|meh|ugh|no way|hell no|not really|i['’]?ll pass|hard pass|yuck|boo|naah?)(?:\W+(?:no|nope|sorry|not really|none|please))*\W*$|\b(?:appeal|interest|grab|excite|speak) (?:to )?me\b|\bnone\W*$|\b(?:seen|watched|read|know|own|have) (?:all (?:of )?)?(?:these|those|them|all|it)(?: all)?(?: already| before)?\b(?! (?:about|of))|\b(?:bad|terrible|awful|poor) (?:suggestions?|picks?|choices?|recommendations?|list)\b|\bdon['’]?t (?:like|want|show me|recommend|suggest)\b.*\b(?:again|{PLACE})|\bnot (?:good|great)(?: enough)?\W*$|\b(?:nothing|none) (?:here|there|in (?:this|the|that) list) (?:\w+ )?(?:me|for me|interesting|appeals|good)|\bnothing (?:i like|for me|interesting|appealing)\b|\bnot (?:a fan|tempted)\b",
    rf"(?:都|全|一[个部本门]也|一[个部本门]都|哪[个部]都|没一个|没有一个|没有)(?:不|没)?(?:太)?(?:喜欢|要了?$|想看|行$|合适|好看|感兴趣|满意|对胃口|想要|兴趣)|(?:^|我|，)不(?:太|是很|怎么)?(?:喜欢|要|想看|感兴趣|合适|对胃口|合(?:我)?(?:口味|胃口)|想要)(?:这|那|它|{PLACE}|上面|以上|你推荐)|都(?:不|没)|没(?:什么)?兴趣|不感兴趣|没意思|没劲|(?:都)?不是我(?:的菜|喜欢|想要|的风格)|看不上|不怎么样|不合(?:我)?(?:口味|胃口|适)|算了(?!，)|(?:这些|这几[部个本门]|它们|这|那)[^，。]{{0,4}}(?:不[好行喜想要感合]|没[兴意]|太(?:差|烂|无聊|难看)|难看|无聊|差劲|一般)|^(?:不|不要|不行|不用|不了|不好|pass|no|不喜欢|不想看|不太行|别|否|没有喜欢的)[。！!了吧呀谢谢，]*$|换掉|(?:全|都)(?:已经)?看过了?|(?:都|全)(?:太)?(?:无聊|差|烂|一般|老套)|pass|别(?:再)?(?:推荐|给我看)(?:{_X}|这|那|它)",
)
FEWER = worded(
    r"\b(?:shorter list|short list|fewer|lists? (?:is|['’]s|was|seems|are) (?:way |much |far |a bit |a little )?(?:too|so|very) long|less of (?:them|these|those)|too many|too long a list|(?:your|the) (?:best|top) (?:one|two|three|[1-5])\b|less (?:options|choices|suggestions|results|recommendations)|narrow (?:it|them|this|the list) down|cut (?:it|the list|them) down|not so many|(?:just|only) (?:the )?(?:one|two|a couple|a few|your (?:top|best)|the (?:top|best))\b(?! (?:from|with|of)\b)|(?:one|two) (?:is|are|will be|would be) enough|only (?:show|give|tell) me (?:your |the |one|a )|your (?:single |very )?best (?:pick|one|suggestion)|(?:no more than|at most|not more than) (?:one|two|three|four|five|[1-9])(?: please)?\W*$|trim (?:it|the list|them)|reduce the (?:list|number))\b",
    r"(?:推荐|列|给|说|来)?(?:少一点|少一些|少(?:推荐|列|给|来)(?:几|一)?[部个点些]|少几[部个本门]|少点)(?=$|[，。！吧的])|太多(?:了)?(?=$|[，。！])|(?:只|就)(?:要|给我?|推荐|来|留|看)?(?:一|两|1|2|三|3)[部个本门篇件款](?:就(?:够|行|好)|$|吧|[，。])|(?:一|两)[部个](?:就够|就行|就好|够了)|精简|(?:缩小|缩减|减少|压缩|减)(?:到|成|为)(?:一|两|二|三|[1-3])[部个本门篇件款]|缩短(?:一下)?(?:名单|列表)|(?:不要?|别)超过(?:[一二两三四五]|\d)[部本门篇款]|(?:不用|别|不要)(?:给我|再)?(?:推荐|列|来)?(?:这么|那么|太)多|别(?:列|推荐)(?:这么|那么)多|太长的?(?:名单|列表)|(?:名单|列表|清单)(?:太|有点)?(?:长|短|多)",
)
MORE = worded(
    r"\b(?:another|else|others?|next|again|keep going|go on|continue|(?:some|any|few|show|give|see|me|want|bit|even|got|have|need|are there|have you(?: got)?|can i have|^) ?(?:me |us )?more\b(?! than)|^\W*more\b(?! than| like)|more (?:please|options|choices|suggestions|recommendations|recs|ideas|results|of (?:the same|these|those|them|this|that)|picks|titles|films|movies|books|courses|articles|items|ones|comedies|thrillers|dramas|westerns)|different (?:ones?|films?|movies?|options?|suggestions?|list|books?|courses?|set)|something different|keep (?:them|it|[\'’]?em) coming|what[\'’]?s next|anything else|refresh|reload|load more|(?:any|some)thing different|more(?: please| then| of them)?\W*$|other (?:ones|options|suggestions|films|movies|ideas|picks|recommendations|than (?:these|those|that))|new (?:ones|list|suggestions|options|batch|set))\b",
    r"换(?:一)?(?:[批部个些组本门篇件款几]|下一|别的|其他|点)|^换(?!成|作|到)|还有(?:吗|没有|别的|其他|其它|什么|哪些|更多|[？?]|$)|有(?:没有)?(?:别的|其他|其它|更多)|(?:别的|其他|其它)(?:的)?(?:吗|呢|推荐|选择|电影|片子|的|吧|$|[？?])|再(?:来|推荐|给|看|找|多|列|换|说)(?!.{0,2}(?:短|长|便宜|搞笑|浪漫|新一|老一))|更多|下(?:一)?(?:批|个|部|页|一[组批])|继续|多(?:来|推荐|给)(?:我)?(?:几|一?些|点|[两三四五六\d])|接着(?:来|推荐)|看(?:点|些)?别的|不一样的|刷新|^还(?:要|想)",
)
MORE_LIKE = worded(
    rf"\b(?:like|similar|same|kind of|kinds of|sort of|type of|vein|style|alike|resembl\w+|more of|along the lines|comparable|reminiscent)\b.{{0,25}}{_X}|{_X}(?: or {_X}| and {_X})?['’]?-?\s?(?:like|esque|type|style)\b|\bsimilar\W*$|\bmore like (?:this|that|it|these|those|them)\b|\b(?:anything|something|stuff|movies|films|books|others?) (?:similar|like (?:this|that|it|these|those|them))\b|\b(?:same|similar) (?:kind|style|vibe|type|sort|mood|feel|genre|director|vein|thing|topic)\b|\bmore of (?:the same|this|that)\b|\bsimilar (?:ones?|films?|movies?|books?|courses?|items?|to)\b",
    rf"(?:类似|像|跟|和|与|同|近似|接近|相似|相近|好比|参照|参考)(?:于)?{_X}|{_X}(?:这样|那样|这种|那种|这类|那类|之类|一类|类型|同类|风格|类似|的同类|一样|差不多)|(?:类似|相似|差不多|同类(?:型)?|这类|这种|同样(?:类型|风格)?|一样)(?:的)?(?:电影|片子?|书|课程?|文章|东西|商品|作品|款|呢|吗|推荐|$)|(?:再来|更多|多来)(?:点|些|几部)?(?:像|类似)|(?:这种|这样|那种|那样)的?(?:吗|呢|电影|片|$|，)",
)
THANKS = worded(
    r"^\W*3q\W*$|\b(?:thanks?|thank (?:you|u)|thx|tysm|ty|cheers|much appreciated|appreciate (?:it|that|your|this)|(?:very |so |super |really )?helpful|grateful|thats? (?:is |was )?(?:so |very )?kind)\b"
    r"|^\W*(?:ok(?:ay)?\W+|that(?: is|['’]?s|s) |these are |this is |sounds |you(?:['’]?re| are) (?:the )?|wow\W+)?(?:so |very |really |just )?(?:great|perfect|awesome|excellent|amazing|wonderful|fantastic|brilliant|nice|lovely|best|good job|well done|cool|love it)(?: (?:choices?|picks?|lists?|ideas?|ones?|job|work|suggestions?|recommendations?))?\W*$",
    r"谢谢|多谢|感谢|谢啦|谢了|辛苦|3q|谢您|太感谢|帮大忙|^(?:太|真|很|非常)?(?:好|棒|赞|厉害|牛|完美)(?:了|的)?[！!。～~]*$",
)
GREET = worded(
    r"^\W*(?:hi+|hello+|hey+|heya|hiya|howdy|yo|sup|greetings|hallo|good (?:morning|evening|day|afternoon))\b|\bhow are you\b|\bhow(?:['’]?s| is) it going\b|\bwhat(?:['’]?s|s) up\b|\bnice to (?:meet|see) you\b|^\W*(?:anyone|anybody|is (?:anyone|anybody)|are you) there\b",
    r"^(?:你好|您好|嗨|哈[喽啰罗]|喂|早上好|晚上好|下午好|早安?|中午好|大家好|hi|hello|hey)|^(?:在吗|在不在|有人(?:在)?吗|你在吗)|最近怎么样|很高兴认识你",
)
BYE = worded(
    r"^\W*88\W*$|^\W*(?:(?:ok(?:ay)?|thanks?|thank you|great|alright|well|cool|thx)\W+)*(?:good ?bye|bye(?:[ -]?bye)?|cya|see (?:you|ya)|farewell|good ?night|later|ttyl|so long|take care|catch you later|talk (?:to you )?(?:later|soon)|(?:i(?:['’]ve)? )?(?:gotta|got to|have to|must|need to) (?:go|run|leave)|i(?:['’]?m| am) (?:off|leaving|done|out)(?: now)?|that['’]?s (?:all|it|enough)(?: for (?:now|today|tonight))?|that (?:will be|is) all|have a (?:good|nice|great|lovely) (?:one|day|night|evening|time|weekend)|until next time|signing off)\b|\b(?:good ?bye|bye)\W*$|\bthat['’]?s all\b|\bsee you (?:later|soon|tomorrow|around|next time)\b",
    r"再见|拜拜|^拜|拜[。！]?$|晚安|回头(?:再)?[见聊说]|(?:今天|那)?(?:就|先)*到这(?:儿|里)?[吧了]|下次(?:见|再聊|再来)|回见|(?:今天)?(?:先|就)这样(?:吧|了)|我(?:先)?(?:走|撤|下|睡)了|明天见|^88$|没(?:别的)?事了|没有(?:别的|其他)(?:问题|了)|有空再聊|改天(?:再)?聊|告辞|待会儿?见|一会儿?见",
)
# Words that ask for a list, whatever it is to hold.
ASKING = worded(
    r"\brec+om+[ae]nd\w*|\bsugg?est\w*|\brecs?\b|\bwhat (?:should|shall|can|could|do|would|movie|film|book|course)s? ?(?:should |shall |can |could |would |do )?(?:i|we|you)\b(?! (?:know|do\b|think|mean|have on|remember|own))(?!.{0,12}\babout (?:me|my)\b)|\b(?:give|show|find|get|bring|pick|send|hit) (?:me|us)\b|\bsearch(?:ing)? for\b|\blook(?:ing)? (?:for|to (?:watch|read|buy|learn))|\b(?:i|we)(?: would|['’]?d)?(?: really| just| kinda| rather)? (?:want|wanna|like|need|love|fancy|prefer|crave|feel like|could go for|wish)\b(?! (?:this|that|it|these|them|the way)\b)|\bwe want\b|\b(?:i['’]?m|im|we['’]?re|am) (?:in the mood|up for|after|craving|searching|hunting|interested in|keen on|into|feeling)|\b(?:in the )?mood for\b"
    r"|\bwhat(?: is|['’]?s) (?:a|an|some|good|on|there|the best)\b(?! (?:time|date))|\bany (?:ideas|suggestions|good|recommendations|recs|tips)\b|\bdo you have (?:any|some|something|anything|a)\b|\bgot (?:any|some|anything|something)\b|\bare there (?:any|some)\b|\bi need\b|\bhelp (?:me|us) (?:find|choose|pick|decide)|\bsomething\b|\banything\b|\bhow about (?:a|an|some)\b|\bwhat about (?:a|an|some)\b|\bsurprise me\b|\b(?:can|could) (?:you|i|we) (?:find|show|get|have|give|pick|see)\b|\bplease\b.{0,20}\b(?:film|movie|book|comedy|course|article)|\bto (?:watch|read) (?:tonight|today|now|with)|\btop (?:\d+|ten|five|three)\b|\bbest \w+",
    r"推荐|想(?:要|看|读|学|买|找|听)|我要(?!的是)|(?:帮|给|替)我(?:找|来|推|挑|选|看|介绍|安排)|找(?:一?[部个本门篇件款些点])|来[一二两三四五几\d]?[部点些个本门篇件款]|看(?:点|些)?什么|有(?:没有|什么|啥|哪些)(?!别的|其他|不同|区别)|有.{0,16}吗|求|安利|介绍(?:几|一些|点|一?[部个本门])|适合|看(?:什么|啥)好|哪些|随便(?:来|推)?|什么.{0,8}(?:好看|值得|推荐)|需要|喜欢(?:看)?(?!什么|哪)|爱看|心情|打算看",
)
# What narrows a list rather than asking for one.
_NARROWING_FIRST = r"^\W*(?:(?:ok(?:ay)?|yes|and|but|well|great|please|hmm|actually|maybe|also|alright|cool|oh|um|then|so|now|sure|thanks?|nice)\W+)*(?:only|just|no\b|not\b|nothing|without|with|from|before|after|but|make (?:it|them|that)|must|should|has to|have to|keep it|limit|restrict|filter|exclude|excluding|except|avoid|skip|at (?:least|most)|under|over|below|above|less than|more than|up to|max(?:imum)?|between|in (?:english|french|german|spanish|japanese|chinese|color|black)|directed by|starring|by\b|in the\b|for (?:kids|children|beginners|families)|ideally|preferably|it (?:should|must|has|needs)|they (?:should|must|have)|none|never|please no|rated|newer than|older than|since|released|set in|i (?:don['’]?t|do not|dont|hate|can['’]?t stand|dislike|won['’]?t|only)|anything but|everything but|leave out|cut out|drop|remove|the (?:\d0s|\d{4}s|nineties|eighties|seventies|sixties|fifties)|narrow|nothing|i['’]?d rather|can (?:it|they) be|could (?:it|they) be|(?:19|20)\d\d (?:or|to|until|and)|(?:19|20)\d\d\s*-)\b"
NARROWING_FIRST = re.compile(_NARROWING_FIRST, _I)
NARROWING = worded(
    _NARROWING_FIRST
    + r"|\bonly\b|\bmust (?:be|have|not)\b|\bhas to be\b|\bmake (?:it|them|that)\b|\bkeep it\b|\bno \w+ (?:please|this time)|\bplease no\b|\bbut (?:not|no|only|with|without|from|in)\b|\bstick to\b|\b(?:like|want|prefer) (?:it|them|that|these|those) to be\b|\bas long as\b|\bshould (?:be|have)\b|\bneeds? to be\b",
    r"^(?:好的?[，,]?|嗯[，,]?|那|但是?|不过|而且|还有[，,]|最好|另外[，,]?|请|可以[，,]?)*(?:只|不要|不看|不能|不想|不包括|别|不含|除了|没有|必须|最好|限定?|要(?!不)|得是|应该|不超过|不低于|不早于|不晚于|至少|最多|在|排除|去掉|避开|不喜欢|讨厌|不爱|不太喜欢|要求|换成|改成|筛选|过滤|由)|只(?:要|看|限|想|能|推荐|考虑)|不要|不能|必须|限定|(?:除外|以外|之外)|但(?:是)?(?:不|别|要)|最好(?:是|有|不)|要(?:求|是)|^[^，。]{0,14}(?:以内|以下|以上|以后|以前|之后|之前|起|年代的?|主演的?|导演的?|演的|拍的)[^，。]{0,3}$|(?:之间|期间|就算了|免了|除外)的?[吧。]?$|^\d{4}年?(?:到|至|-|~)\d{4}|就行$|即可$|就好$",
)
OPEN = worded(
    r"\b(?:anything(?: (?:is fine|goes|will do|works|at all|you like|really))|whatever(?: you (?:like|want|think))?|surprise me|(?:i )?(?:don['’]?t|do not|dont) (?:(?:really )?(?:care|mind)\W*$|have a preference)|no preferences?|no idea|not sure|don['’]?t know|dunno|you (?:choose|decide|pick)|up to you|any(?: of them| of those| will do| is fine| one| kind| genre)?\W*$|either(?: one)?(?: is fine| works)?\W*$|all of them|both(?: are fine| work)?\W*$|doesn['’]?t matter|makes no difference|random)\b|^\W*(?:any|anything|something|whatever)(?: please)?\W*$",
    r"都(?:可以|行|好|成)|随便|无所谓|任意|哪个都|你(?:来)?(?:定|选|决定|看着办)|不知道|没(?:什么)?(?:想法|偏好|特别)|不确定|看着办|怎样都|均可|不挑|什么都(?:行|可以)",
)
