"""Acts: what kind of turn a message is, by the words that are left beside titles and limits.

A message is seen as its shape: items, places in the list and people are marks, so that "I'll take
the second one" and "I'll take Heat" are the same words.
"""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from dataclasses import dataclass

from llm_layer.mentions import ITEM, PLACE
from llm_layer.request import Act

_I = re.IGNORECASE
_X = f"[{ITEM}{PLACE}]"  # an item that is named or pointed at
_IT = rf"(?:{_X}|it|that(?: one)?|this(?: one)?|them)"
_GOOD = r"(?:good|great|perfect|nice|fine|interesting|fun|right|lovely|ideal|cool|awesome|amazing|promising|tempting|excellent|fantastic|wonderful|intriguing|about right|like (?:a winner|fun|my thing))"


def _words(english: str, chinese: str = "") -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    return re.compile(english, _I), re.compile(chinese, _I) if chinese else None


_FORGETTING = (
    r"(?:delete|erase|remove|forget|wipe|clear|purge|scrub|destroy|get rid of|throw away|drop)"
)
_ZH_FORGETTING = (
    r"(?:删除|删掉|删了|删|清除|清空|清掉|抹掉|抹去|忘掉|忘记|忘了|忘|销毁|移除|注销|消除|擦除)"
)
FORGET = _words(
    rf"\b{_FORGETTING} (?:all |out |everything |of )*(?:about )?me\b(?! (?:a|an|the)\b)"
    rf"|\b{_FORGETTING} (?:\w+ ){{0,4}}?my (?:\w+ ){{0,2}}?(?:data|profile|history|info(?:rmation)?|account|preferences|records?|tastes?|memory|conversations?|chats?|details|ratings|past|likes|stuff)\b"
    rf"|\b{_FORGETTING} .{{0,40}}(?:\byou(?:['’]?ve)? (?:have )?(?:know|knew|learn(?:ed|t)|remember|stored?|saved?|got|kept|keep|collected|have|hold)|about me|on me)\b"
    r"|\b(?:don['’]?t|do not|stop) (?:remember|keep|stor|sav|track|collect)\w* (?:\w+ ){0,4}?(?:me|my)\b|\bright to be forgotten\b|\bgdpr\b|\bmy data (?:deleted|removed|erased|gone)\b",
    rf"{_ZH_FORGETTING}(?!.{{0,3}}(?:刚|前面|上面|之前|以上))[^，。！？]{{0,8}}(?:我的(?:所有|全部|一切|个人|历史|观看|浏览|聊天|用户|相关)*(?:数据|资料|信息|记录|历史|画像|偏好|隐私|档案|喜好|口味|账号|账户|痕迹|一切)|关于我|有关我|跟我有关|你(?:所)?(?:知道|记得|记住|了解|保存|存|收集)|我(?:吧|$|[，。！]))"
    rf"|把(?!.{{0,6}}(?:刚|前面|上面))[^，。]{{0,12}}(?:关于我|我的?(?:[^，。]{{0,6}}(?:数据|资料|信息|记录|历史|画像|档案))?)[^，。]{{0,6}}{_ZH_FORGETTING}"
    r"|(?:别|不要|不许|停止)再?(?:记住?|保存|存|收集|记录)[^，。]{0,6}(?:我|数据|信息)",
)
PROFILE = _words(
    r"\bwhat(?: do|['’]?s| is| have| did| else do)? ?(?:you|u) (?:already |really |actually )?(?:know|got|have|learn(?:ed|t)?|remember(?:ed)?|store[d]?|keep|saved?|think)\b.{0,12} (?:about|on|of) (?:me|my)\b|\bwhat do you think i(?:['’]?d)? (?:like|enjoy|prefer)"
    r"|\b(?:what(?: is|['’]?s| are)|show(?: me)?|tell me(?: about)?|describe|see|view|how (?:does|do) (?:you (?:see|describe))?|summari[sz]e|display) (?:me )?my (?:\w+ )?(?:taste|tastes|profile|history|preferences|favou?rites?|likes|data|ratings|interests)\b"
    r"|^\W*my (?:taste|tastes|profile|history|preferences)\W*$"
    r"|\bwhat (?:kinds?|sorts?|types?|genres?)(?: of \w+)? do i (?:usually |normally |often |mostly )?(?:like|watch|enjoy|prefer|read|buy)|\bwhat do i (?:usually |normally |often |mostly )?(?:like|watch|enjoy|prefer|read|buy)\b"
    r"|\bwhat (?:did|have|had) i (?:\w+ )?(?:watch(?:ed)?|see|seen|rated?|read|bought|buy|liked?|told you|taken)\b|\bwho am i\b|\btell me (?:something )?about (?:myself|me)\b|\bdo you (?:still )?(?:remember|know|recogni[sz]e) (?:me|who i am|my|what i)\b|\bwhat (?:\w+ ){1,3}(?:do|have|did) you (?:have|got|keep|store|hold|know|collect|save|stored)\w* (?:on|about|of) me\b|\bhow well do you know me\b|\bwhat data\b.{0,20}\bme\b|\bknow about my (?:taste|preferences)",
    r"你?(?:都|还|现在|到底)?(?:知道|了解|记得|记住了?|掌握|存了?|有)(?:我|关于我)(?:的)?(?:什么|哪些|多少|啥|些什么)|你?(?:对我|关于我)[^，。]{0,4}(?:知道|了解|记得|有)[^，。]{0,4}(?:什么|多少|啥|哪些|吗)?|你了解我|你记得我|你认识我|我是谁|你眼中的我|你怎么看我"
    r"|我(?:最近|平时|通常|一般|以前|都|之前|曾经)*(?:看过|喜欢|爱看|看|读过|买过|学过|评过)(?:的)?(?:都是|是)?(?:什么|哪些|啥)(?!好|比较|呢?$)|我(?:一般|平时|通常|经常)(?:喜欢)?看(?:什么|哪)|(?:我的|看看我|查看我|显示我)(?:的)?(?:观影|观看|个人|用户|历史|阅读|购买)*(?:口味|喜好|品味|画像|偏好|资料|档案|历史|记录)(?:是什么|是啥|是怎样|怎么样|如何|有哪些|[？?]|$)|你(?:那里)?(?:有|存了|保存了)我的?(?:什么|哪些)",
)
RESET = _words(
    r"\b(?:start(?:ing)? (?:all )?(?:over|again|fresh|anew|from (?:scratch|zero|the beginning))|start (?:a )?new (?:search|conversation|chat|one|list)|from scratch|begin (?:again|anew|over)|new (?:search|conversation|chat)|clean slate|fresh start"
    r"|forget (?:about )?(?:that|it|everything|all|what i (?:said|asked|told)|the (?:rest|previous|last|filters?|above)|my (?:last|previous))(?! movie| film)|reset|restart|never ?mind|nevermind|scrap (?:that|it|all)|clear (?:the |all |my )*(?:filters?|everything|constraints?|search|chat|criteria|conversation|list)|(?:drop|remove|ignore) (?:all|everything|(?:all )?(?:the|my) (?:filters|constraints|criteria|conditions|requirements))|let['’]?s (?:try )?again from|wipe the slate|undo everything|back to (?:square one|the start|the beginning))\b",
    r"重新(?:开始|来|推荐过|选|搜)|从头(?:再)?(?:来|开始)|重来|重置|清空(?!.{0,4}我)|清除(?:条件|筛选|所有条件)|(?:忘掉|忘了|忘记|别管)(?:它|这个|这些|刚才|刚刚|前面|上面|之前|以上|我(?:刚|前|之)|所有要求|一切)|(?:前面|刚才|之前|以上)(?:说的|的要求|的条件|的话)?(?:都)?(?:不算|作废|忘|取消|不要了)|归零|推倒重来|换个话题|重启",
)
CORRECT = _words(
    r"\bi (?:meant|mean)\b(?! it\b)|\bwhat i (?:meant|mean|said|wanted|asked)\b|\bnot what i (?:meant|mean|said|asked|wanted|want)|\b(?:you )?mis(?:understood|understand|heard|read|interpreted)\b|\bmisunderst\w+|\bgot (?:me|it|that|this) (?:all )?wrong\b|\byou(?:['’]re| are) (?:mistaken|wrong)|\bthat(?:['’]?s| is| was) (?:wrong|incorrect|not (?:right|correct|it\b(?! for me)))"
    r"|\bi (?:said|asked for|asked you for|was (?:talking|asking) (?:about|for)|was referring to|was after|told you)\b|\bi (?:actually |really )?wanted .*\bnot\b|\bmy (?:mistake|bad)\b|^\W*correction\b|\bi (?:didn['’]?t|did not|never) (?:say|said|mean|ask|asked|want you|wanted)\b|\bwrong (?:one|film|movie|title|item|person|director|genre|year|book|course)\b"
    r"|^\W*(?:no|nope|wait|sorry|oops|actually|hmm)\W+(?:no\W+)?(?:wait\W+)?(?:i (?:wanted|want)(?: \w+){1,4} (?:not|instead of|rather than)\b|not (?:the |that |this )?\w+(?: \w+)?\W+(?:but )?(?:the |i )|the other (?:one|film|movie|book)\b|the \w+ (?:not|one\W+not)\b|rather the\b|it['’]?s )|\bi typed|\btypo\b|\binstead of what\b|\bnot the (?:film|movie|book|remake|original|series|sequel|song|band|actor)\b|\bthe other (?:film|movie|book|one) (?:called|named|with that name|of that name)\b",
    r"我(?:的)?意思(?:是|其实)|我(?:刚才|刚刚|之前|本来|其实|明明)*(?:说|问|要|想要|想看|指|点|找|想找|想说|打)的?是(?!什么|哪)|我(?:是|本来是)(?:说|指|想说|要说|想要)|我指的|(?:理解|弄|搞|听|会|误会|领会|看|认|记|写|打|说)错(?:了|我)?|误会|误解|不是(?:这个|那个|这|那)?(?:个)?意思|我(?:可)?没(?:有)?(?:说|要|问|让|想要)|说的不是|要的不是|问的不是|指的不是|更正|纠正|口误|^不[是对]?[，,。!！ ]*(?:不是|是|我|应该|错)|^不是[^，。]{1,14}[，,](?:而)?(?:是|我要|要)|不对",
)
OUT_OF_SCOPE = _words(
    r"\bweather\b|\btemperature\b|\bforecast\b|\brain(?:ing)? (?:today|tomorrow|now)|\bwill it (?:rain|snow)\b|\d+\s*(?:[+*×÷^=]|(?<=\s)[-/x](?=\s)|plus|times|minus|divided by|multiplied by)\s*\d+|\bsquare root\b|\bcalculate\b|\bsolve\b|\bequation\b|\bhow much is \d|\bpercent of\b"
    r"|\b(?:write|debug|fix|generate|create|compose|draft|code|program|make|build) (?:me |us )?(?:an? |some |the |my |this )?(?:\w+ ){0,3}?(?:code|scripts?|programs?|functions?|sql|html|regex|apps?|websites?|essays?|poems?|e-?mails?|letters?|songs?|haikus?|cv|resume|speech|reports?|homework|tweet|blog post|loop|query|class in)\b"
    r"|\btranslat(?:e|ion)\b|\bhow do (?:you|i) say\b|\bnews\b(?! (?:film|movie))|\bheadlines\b|\bstocks? (?:price|market)|\bbitcoin\b|\bcrypto(?:currency)?\b|\bexchange rate|\belections?\b|\bpresident of\b|\bprime minister\b|\bcapital (?:city )?of\b|\bpopulation of\b|\b(?:football|soccer|basketball|match|game) (?:score|result)|\bwho won\b|\bworld cup\b"
    r"|\btell (?:me|us) (?:a|another|some) (?:good |funny )?(?:jokes?|story|riddle|fun fact|bedtime story)|\bjoke\b(?! (?:film|movie|comed))|\bsing (?:me|a|us)\b|\b(?:book|order|reserve|call|buy) (?:me |us )?(?:an? |some |the )?(?:\w+ )?(?:flights?|hotels?|table|taxi|cab|uber|pizza|train|restaurant|food|dinner|plane ticket|ticket to)\b"
    r"|\bwhat(?:['’]?s| is) (?:the )?(?:time|date)(?: (?:is it|now|in|today))?\W*$|\bwhat time is it\b|\bwhat day is\b|\b(?:set|start) (?:an? |the )?(?:alarm|timer|reminder)|\bremind me\b|\bmy homework\b|\bmeaning of life\b|\bcook(?:ing)? (?:a |some )?(?:rice|pasta|steak|eggs?|dinner)|\brecipe for\b|\bhow (?:do|can|to|should) (?:i )?(?:cook|bake|fix|repair|install|lose|get to|make an?|reset my|invest|tie|change (?:a|my))\b"
    r"|\bwho (?:are|made|created|built|trained|programmed) you\b|\bwhat(?:['’]?s| is) your (?:name|favou?rite colou?r|age|opinion)|\bare you (?:an? )?(?:human|robot|bot|ai|real|chatgpt|person|machine|gpt)|\bhow old are you\b|\b(?:will you marry|do you love|love you|marry) me\b|\bdo you have feelings\b|\bsystem prompt\b|\b(?:your|these|the|previous|prior|above|all) (?:hidden |secret |initial |original )*(?:instructions|prompts?|guidelines)\b|\bignore (?:all |any |the |your |previous |prior )*(?:instructions|rules)|\bpretend (?:to be|you)|\bact as (?:an? |if)|\brole-?play|\bjailbreak|\bdeveloper mode\b|\bcredit card|\bpassword|\bapi key|\bother (?:users?|customers?)['’]?s? (?:data|history|ratings|information)|\bpolitics\b|\bvote for\b|\bmeaning of\b|\bgoogle\b|\bsend (?:an? )?(?:email|message|text)|\bplay (?:me )?(?:a |some )?(?:song|music)\b|\bturn (?:on|off) the\b|\bdirections to\b|\bhow far is\b|\bhow tall is\b|\bwhat is love\b|\bdefine\b",
    r"天气|气温|下雨|多少度|几度|\d+(?:[+＋*×÷/xX加减乘除-]|乘以|除以)\d+|等于(?:几|多少)|算一?[下算]|计算|平方根|解(?:一下)?(?:这个)?方程|写(?:一?[段个首篇份封])?[^，。]{0,8}(?:代码|程序|脚本|诗|作文|邮件|论文|情书|简历|歌词|报告|故事|函数|信)|翻译|新闻|股票|股价|股市|汇率|比特币|总统|首相|首都|人口|选举|世界杯|比赛结果|比分|(?:讲|说|来)一?个(?:笑话|故事|段子)|笑话|唱(?:一?首)?歌|订(?:一?[张个份])?[^，。]{0,4}(?:机票|酒店|餐|外卖|车票|火车票|披萨|位子?|房)|打车|叫(?:个|辆)?车|点(?:个|份)?外卖|几点(?:了|钟)|现在几点|今天几号|星期几|周几|闹钟|提醒我"
    r"|你是谁|你叫什么|你是(?:机器人|人类?|真人|AI|ai|不是)|你(?:今年)?(?:几|多大)岁?|谁(?:做|创造|开发|发明|训练)了?你|系统提示|提示词|忽略[^，。]{0,8}(?:指令|规则|要求)|扮演|假装你|角色扮演|(?:怎么|如何)(?:做(?:饭|菜|蛋糕)|煮|炒|修|安装|减肥|去|走|理财|炒股)|菜谱|红烧|作业|帮我写|帮我画|密码|信用卡|其他用户|别的用户|别人的(?:数据|记录|历史)|你喜欢我吗|你爱我|放(?:一?首)?歌|(?:打开|关掉?|关闭)(?:灯|空调|音乐)|怎么走|多远|多高|人生的意义|导航|快递|彩票",
)
_SELF = re.compile(
    r"prompt|instructions|ignore|pretend|jailbreak|developer mode|password|credit card|api key|other (?:user|customer)|role-?play|\bact as|系统提示|提示词|指令|扮演|密码|信用卡|其他用户|别人的",
    _I,
)
# Words that make a message one about the catalogue after all.
_IN_SCOPE = re.compile(
    r"\b(?:films?|movies?|books?|novels?|courses?|articles?|documentar(?:y|ies)|comed(?:y|ies)|thrillers?|shows?)\b|\brec+om+[ae]nd|\bsuggest|\bwatch\b|推荐|电影|片|想看|的书|课程|文章|商品",
    _I,
)
COMPARE = _words(
    rf"\bcompar(?:e|ed|ing|ison)\b|\bversus\b|\bvs\b|\bdifferences?\b|\bhow (?:do|does|is|are) .{{0,30}}(?:differ|different|compare|stack up)|\bwhat sets\b|\bside by side\b"
    rf"|\bwhich (?:one |movie |film |book |course |of (?:them|these|those|the (?:two|three|\w+)(?: \w+)?|{_X}) )?(?:is|was|has|would be|['’]s|are|runs|costs|lasts|came out|got)? ?(?:the )?(?:\w{{2,}}er|more(?! like)|better|best|worst|worse|\w{{3,}}est|most|least|less|first|cheapest)\b(?! (?:me|one like))"
    rf"|\b(?:is|was|does|are) {_X}.{{0,25}}\b(?:\w{{2,}}er|more|better|less)\b.{{0,20}}\bthan\b|{_X}\s*(?:,\s*)?(?:or|vs\.?|versus)\s*{_X}|\bwhat(?:['’]s| is) better\b|\bhow (?:much )?(?:longer|older|newer|shorter|cheaper) is\b",
    rf"(?:^|[，,。]|请|帮我|给我|能|来|做)(?:一下|个)?比较(?:一下|下|{_X}|这|第|前|[^，。]{{0,6}}和)|对比|区别|差别|有(?:什么|何|啥)不同|(?:比|相)较|\bpk\b|\bvs\b|哪[个一]?[部个本门篇件款]?(?:电影|片子|书)?(?:会|要)?(?:更|比较|最)|哪[个一]?[部个本门篇件款](?:好|长|短|老|新|贵|便宜)|{_X}(?:和|跟|与|还是|、|或){_X}.{{0,8}}(?:哪|比|谁|选|更)|{_X}(?:比|有){_X}.{{0,6}}(?:[吗么?？]|多少)|{_X}还是{_X}|谁更",
)
WHY = _words(
    r"^\W*(?:and |but |so |ok(?:ay)? |hmm )?why\b(?! not\b| don['’]?t)|\bhow come\b|\bwhat makes you (?:think|say|recommend|suggest)|\bwhat made you\b|\bon what (?:basis|grounds)\b|\bwhat(?:['’]?s| is| was| are) (?:the|your) (?:reasons?|reasoning|rationale|logic|thinking)|\breasons? (?:for|behind|why)\b|\bhow did you (?:come up|pick|choose|decide|arrive|get to|select|find)|\bexplain\b(?! (?:the )?(?:plot|story|ending))|\bjustify\b|\bwhy(?: do| did| are| is| would| this| these| that| the)\b(?! we)",
    r"为什么(?!不)|为啥|为何|理由|凭什么|怎么会(?:推荐|选|想到)|(?:什么|啥)原因|依据|根据什么|解释(?:一下|下)?(?!剧情)|怎么(?:选出|挑出|想到|推荐)|干嘛推荐|因为什么",
)
ACCEPT = _words(
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
REJECT = _words(
    rf"\bnone of (?:these|those|them|the above|that|it|your)\b|\bnot (?:any of )?(?:these|those|them|this|that|interested|for me|my (?:thing|taste|style|kind|cup of tea|type)|what i(?:['’]?m| am| was) (?:looking for|after|in the mood)|feeling|really my|convinced|into|quite (?:right|what)|keen)\b"
    rf"|\b(?:don['’]?t|do not|dont|didn['’]?t|can['’]?t stand) (?:really |particularly |much )?(?:like|want|fancy|care for|feel like|enjoy|need|love) (?:any(?: of)?|these|those|them|this|that|it|either|your|what)\b|\bneither\b|\bno,? thanks?\b|\bno thank you\b|\b(?:these|those|they|this|that|it|all of them)(?: (?:all|one|films?|movies?|suggestions?|books?))? ?(?:are|is|look|looks|sound|sounds|seem|seems|was|were|['’]?s|['’]?re)(?: all| both)?(?: (?:so|really|pretty|just|too|rather|quite))? (?:bad|boring|awful|terrible|lame|dull|garbage|rubbish|not (?:good|great|it|for me)|crap|uninteresting|meh|horrible|no good|unappealing)"
    rf"|\b(?:hate|dislike|skip|drop|remove|pass on|hated) (?:{PLACE}|these|those|them|all|that|this|it)\b|^\W*(?:no|nope|nah|pass|meh|ugh|no way|hell no|not really|i['’]?ll pass|hard pass|yuck|boo|naah?)(?:\W+(?:no|nope|sorry|not really|none|please))*\W*$|\b(?:appeal|interest|grab|excite|speak) (?:to )?me\b|\bnone\W*$|\b(?:seen|watched|read|know|own|have) (?:all (?:of )?)?(?:these|those|them|all|it)(?: all)?(?: already| before)?\b(?! (?:about|of))|\b(?:bad|terrible|awful|poor) (?:suggestions?|picks?|choices?|recommendations?|list)\b|\bdon['’]?t (?:like|want|show me|recommend|suggest)\b.*\b(?:again|{PLACE})|\bnot (?:good|great)(?: enough)?\W*$|\b(?:nothing|none) (?:here|there|in (?:this|the|that) list) (?:\w+ )?(?:me|for me|interesting|appeals|good)|\bnothing (?:i like|for me|interesting|appealing)\b|\bnot (?:a fan|tempted)\b",
    rf"(?:都|全|一[个部本门]也|一[个部本门]都|哪[个部]都|没一个|没有一个|没有)(?:不|没)?(?:太)?(?:喜欢|要了?$|想看|行$|合适|好看|感兴趣|满意|对胃口|想要|兴趣)|(?:^|我|，)不(?:太|是很|怎么)?(?:喜欢|要|想看|感兴趣|合适|对胃口|合(?:我)?(?:口味|胃口)|想要)(?:这|那|它|{PLACE}|上面|以上|你推荐)|都(?:不|没)|没(?:什么)?兴趣|不感兴趣|没意思|没劲|(?:都)?不是我(?:的菜|喜欢|想要|的风格)|看不上|不怎么样|不合(?:我)?(?:口味|胃口|适)|算了(?!，)|(?:这些|这几[部个本门]|它们|这|那)[^，。]{{0,4}}(?:不[好行喜想要感合]|没[兴意]|太(?:差|烂|无聊|难看)|难看|无聊|差劲|一般)|^(?:不|不要|不行|不用|不了|不好|pass|no|不喜欢|不想看|不太行|别|否|没有喜欢的)[。！!了吧呀谢谢，]*$|换掉|(?:全|都)(?:已经)?看过了?|(?:都|全)(?:太)?(?:无聊|差|烂|一般|老套)|pass|别(?:再)?(?:推荐|给我看)(?:{_X}|这|那|它)",
)
FEWER = _words(
    r"\b(?:shorter list|short list|fewer|less of (?:them|these|those)|too many|less (?:options|choices|suggestions|results|recommendations)|narrow (?:it|them|this|the list) down|cut (?:it|the list|them) down|not so many|(?:just|only) (?:the )?(?:one|two|a couple|a few|your (?:top|best)|the (?:top|best))\b(?! (?:from|with|of)\b)|(?:one|two) (?:is|are|will be|would be) enough|only (?:show|give|tell) me (?:your |the |one|a )|your (?:single |very )?best (?:pick|one|suggestion)|trim (?:it|the list|them)|reduce the (?:list|number))\b",
    r"(?:推荐|列|给|说|来)?(?:少一点|少一些|少(?:推荐|列|给|来)(?:几|一)?[部个点些]|少几[部个本门]|少点)(?=$|[，。！吧的])|太多(?:了)?(?=$|[，。！])|(?:只|就)(?:要|给我?|推荐|来|留|看)?(?:一|两|1|2|三|3)[部个本门篇件款](?:就(?:够|行|好)|$|吧|[，。])|(?:一|两)[部个](?:就够|就行|就好|够了)|精简|缩短(?:一下)?(?:名单|列表)|不用(?:推荐)?(?:这么|那么)多|别(?:列|推荐)(?:这么|那么)多|太长的?(?:名单|列表)|(?:名单|列表)(?:太长|短)",
)
MORE = _words(
    r"\b(?:another|else|others?|next|again|keep going|go on|continue|(?:some|any|few|show|give|see|me|want|bit|even|got|have|need|are there|have you(?: got)?|can i have|^) ?(?:me |us )?more\b(?! than)|^\W*more\b(?! than| like)|more (?:please|options|choices|suggestions|recommendations|recs|ideas|results|of (?:the same|these|those|them|this|that)|picks|titles|films|movies|books|courses|articles|items|ones|comedies|thrillers|dramas|westerns)|different (?:ones?|films?|movies?|options?|suggestions?|list|books?|courses?|set)|something different|keep (?:them|it|[\'’]?em) coming|what[\'’]?s next|anything else|refresh|reload|load more|(?:any|some)thing different|more(?: please| then| of them)?\W*$|other (?:ones|options|suggestions|films|movies|ideas|picks|recommendations|than (?:these|those|that))|new (?:ones|list|suggestions|options|batch|set))\b",
    r"换(?:一)?(?:[批部个些组本门篇件款几]|下一|别的|其他|点)|^换|还有(?:吗|没有|别的|其他|其它|什么|哪些|更多|[？?]|$)|有(?:没有)?(?:别的|其他|其它|更多)|(?:别的|其他|其它)(?:的)?(?:吗|呢|推荐|选择|电影|片子|的|吧|$|[？?])|再(?:来|推荐|给|看|找|多|列|换|说)(?!.{0,2}(?:短|长|便宜|搞笑|浪漫|新一|老一))|更多|下(?:一)?(?:批|个|部|页|一[组批])|继续|多(?:来|推荐|给)(?:我)?(?:几|一?些|点)|接着(?:来|推荐)|看(?:点|些)?别的|不一样的|刷新|^还(?:要|想)",
)
MORE_LIKE = _words(
    rf"\b(?:like|similar|same|kind of|kinds of|sort of|type of|vein|style|alike|resembl\w+|more of|along the lines|comparable|reminiscent)\b.{{0,25}}{_X}|{_X}(?: or {_X}| and {_X})?['’]?-?\s?(?:like|esque|type|style)\b|\bsimilar\W*$|\bmore like (?:this|that|it|these|those|them)\b|\b(?:anything|something|stuff|movies|films|books|others?) (?:similar|like (?:this|that|it|these|those|them))\b|\b(?:same|similar) (?:kind|style|vibe|type|sort|mood|feel|genre|director|vein|thing|topic)\b|\bmore of (?:the same|this|that)\b|\bsimilar (?:ones?|films?|movies?|books?|courses?|items?|to)\b",
    rf"(?:类似|像|跟|和|与|同|近似|接近|相似|相近|好比|参照|参考)(?:于)?{_X}|{_X}(?:这样|那样|这种|那种|这类|那类|之类|一类|类型|同类|风格|类似|的同类|一样|差不多)|(?:类似|相似|差不多|同类(?:型)?|这类|这种|同样(?:类型|风格)?|一样)(?:的)?(?:电影|片子?|书|课程?|文章|东西|商品|作品|款|呢|吗|推荐|$)|(?:再来|更多|多来)(?:点|些|几部)?(?:像|类似)|(?:这种|这样|那种|那样)的?(?:吗|呢|电影|片|$|，)",
)
THANKS = _words(
    r"\b(?:thanks?|thank (?:you|u)|thx|tysm|ty|cheers|much appreciated|appreciate (?:it|that|your|this)|(?:very |so |super |really )?helpful|grateful|thats? (?:is |was )?(?:so |very )?kind)\b"
    r"|^\W*(?:ok(?:ay)?\W+|that(?: is|['’]?s|s) |these are |this is |sounds |you(?:['’]?re| are) (?:the )?|wow\W+)?(?:so |very |really |just )?(?:great|perfect|awesome|excellent|amazing|wonderful|fantastic|brilliant|nice|lovely|best|good job|well done|cool|love it)(?: (?:choices?|picks?|lists?|ideas?|ones?|job|work|suggestions?|recommendations?))?\W*$",
    r"谢谢|多谢|感谢|谢啦|谢了|辛苦|3q|谢您|太感谢|帮大忙|^(?:太|真|很|非常)?(?:好|棒|赞|厉害|牛|完美)(?:了|的)?[！!。～~]*$",
)
GREET = _words(
    r"^\W*(?:hi+|hello+|hey+|heya|hiya|howdy|yo|sup|greetings|hallo|good (?:morning|evening|day|afternoon))\b|\bhow are you\b|\bhow(?:['’]?s| is) it going\b|\bwhat(?:['’]?s|s) up\b|\bnice to (?:meet|see) you\b|^\W*(?:anyone|anybody|is (?:anyone|anybody)|are you) there\b",
    r"^(?:你好|您好|嗨|哈[喽啰罗]|喂|早上好|晚上好|下午好|早安?|中午好|大家好|hi|hello|hey)|^(?:在吗|在不在|有人(?:在)?吗|你在吗)|最近怎么样|很高兴认识你",
)
BYE = _words(
    r"^\W*(?:(?:ok(?:ay)?|thanks?|thank you|great|alright|well|cool|thx)\W+)*(?:good ?bye|bye(?:[ -]?bye)?|cya|see (?:you|ya)|farewell|good ?night|later|ttyl|so long|take care|catch you later|talk (?:to you )?(?:later|soon)|(?:i(?:['’]ve)? )?(?:gotta|got to|have to|must|need to) (?:go|run|leave)|i(?:['’]?m| am) (?:off|leaving|done|out)(?: now)?|that['’]?s (?:all|it|enough)(?: for (?:now|today|tonight))?|that (?:will be|is) all|have a (?:good|nice|great|lovely) (?:one|day|night|evening|time|weekend)|until next time|signing off)\b|\b(?:good ?bye|bye)\W*$|\bthat['’]?s all\b|\bsee you (?:later|soon|tomorrow|around|next time)\b",
    r"再见|拜拜|^拜|晚安|回头见|下次(?:见|再聊|再来)|回见|(?:今天)?(?:先|就)这样(?:吧|了)|我(?:先)?(?:走|撤|下|睡)了|明天见|^88$|没(?:别的)?事了|没有(?:别的|其他)(?:问题|了)|有空再聊|改天(?:再)?聊|告辞|待会儿?见|一会儿?见",
)
# Words that ask for a list, whatever it is to hold.
ASKING = _words(
    r"\brec+om+[ae]nd\w*|\bsugg?est\w*|\brecs?\b|\bwhat (?:should|shall|can|could|do|would|movie|film|book|course)s? ?(?:should |shall |can |could |would |do )?(?:i|we|you)\b(?! (?:know|do\b|think|mean|have on|remember|own))(?!.{0,12}\babout (?:me|my)\b)|\b(?:give|show|find|get|bring|pick|send|hit) (?:me|us)\b|\bsearch(?:ing)? for\b|\blook(?:ing)? (?:for|to (?:watch|read|buy|learn))|\b(?:i|we)(?: would|['’]?d)?(?: really| just| kinda| rather)? (?:want|wanna|like|need|love|fancy|prefer|crave|feel like|could go for|wish)\b(?! (?:this|that|it|these|them|the way)\b)|\bwe want\b|\b(?:i['’]?m|im|we['’]?re|am) (?:in the mood|up for|after|craving|searching|hunting|interested in|keen on|into|feeling)|\b(?:in the )?mood for\b"
    r"|\bwhat(?: is|['’]?s) (?:a|an|some|good|on|there|the best)\b(?! (?:time|date))|\bany (?:ideas|suggestions|good|recommendations|recs|tips)\b|\bdo you have (?:any|some|something|anything|a)\b|\bgot (?:any|some|anything|something)\b|\bare there (?:any|some)\b|\bi need\b|\bhelp (?:me|us) (?:find|choose|pick|decide)|\bsomething\b|\banything\b|\bhow about (?:a|an|some)\b|\bwhat about (?:a|an|some)\b|\bsurprise me\b|\b(?:can|could) (?:you|i|we) (?:find|show|get|have|give|pick|see)\b|\bplease\b.{0,20}\b(?:film|movie|book|comedy|course|article)|\bto (?:watch|read) (?:tonight|today|now|with)|\btop (?:\d+|ten|five|three)\b|\bbest \w+",
    r"推荐|想(?:要|看|读|学|买|找|听)|我要(?!的是)|(?:帮|给|替)我(?:找|来|推|挑|选|看|介绍|安排)|找(?:一?[部个本门篇件款些点])|来[一二两三四五几\d]?[部点些个本门篇件款]|看(?:点|些)?什么|有(?:没有|什么|啥|哪些)(?!别的|其他|不同|区别)|有.{0,16}吗|求|安利|介绍(?:几|一些|点|一?[部个本门])|适合|看(?:什么|啥)好|哪些|随便(?:来|推)?|什么.{0,8}(?:好看|值得|推荐)|需要|喜欢(?:看)?(?!什么|哪)|爱看|心情|打算看",
)
# What narrows a list rather than asking for one.
NARROWING = _words(
    r"^\W*(?:(?:ok(?:ay)?|yes|and|but|well|great|please|hmm|actually|maybe|also|alright|cool|oh|um|then|so|now|sure|thanks?|nice)\W+)*(?:only|just|no\b|not\b|nothing|without|with|from|before|after|but|make (?:it|them|that)|must|should|has to|have to|keep it|limit|restrict|filter|exclude|excluding|except|avoid|skip|at (?:least|most)|under|over|below|above|less than|more than|up to|max(?:imum)?|between|in (?:english|french|german|spanish|japanese|chinese|color|black)|directed by|starring|by\b|in the\b|for (?:kids|children|beginners|families)|ideally|preferably|it (?:should|must|has|needs)|they (?:should|must|have)|none|never|please no|rated|newer than|older than|since|released|set in|i (?:don['’]?t|do not|dont|hate|can['’]?t stand|dislike|won['’]?t|only)|anything but|everything but|leave out|cut out|drop|remove|the (?:\d0s|\d{4}s|nineties|eighties|seventies|sixties|fifties)|narrow|nothing)\b"
    r"|\bonly\b|\bmust (?:be|have|not)\b|\bhas to be\b|\bmake (?:it|them|that)\b|\bkeep it\b|\bno \w+ (?:please|this time)|\bplease no\b|\bbut (?:not|no|only|with|without|from|in)\b|\bstick to\b|\bas long as\b|\bshould (?:be|have)\b|\bneeds? to be\b",
    r"^(?:好的?[，,]?|嗯[，,]?|那|但是?|不过|而且|还有[，,]|最好|另外[，,]?|请|可以[，,]?)*(?:只|不要|不看|不能|不想|不包括|别|不含|除了|没有|必须|最好|限定?|要(?!不)|得是|应该|不超过|不低于|不早于|不晚于|至少|最多|在|排除|去掉|避开|不喜欢|讨厌|不爱|不太喜欢|要求|换成|改成|筛选|过滤|由)|只(?:要|看|限|想|能|推荐|考虑)|不要|不能|必须|限定|(?:除外|以外|之外)|但(?:是)?(?:不|别|要)|最好(?:是|有|不)|要(?:求|是)|^[^，。]{0,14}(?:以内|以下|以上|以后|以前|之后|之前|起|年代的?|主演的?|导演的?|演的|拍的)[^，。]{0,3}$|就行$|即可$|就好$",
)
OPEN = _words(
    r"\b(?:anything(?: (?:is fine|goes|will do|works|at all|you like|really))|whatever(?: you (?:like|want|think))?|surprise me|(?:i )?(?:don['’]?t|do not|dont) (?:(?:really )?(?:care|mind)\W*$|have a preference)|no preferences?|no idea|not sure|don['’]?t know|dunno|you (?:choose|decide|pick)|up to you|any(?: of them| of those| will do| is fine| one| kind| genre)?\W*$|either(?: one)?(?: is fine| works)?\W*$|all of them|both(?: are fine| work)?\W*$|doesn['’]?t matter|makes no difference|random)\b|^\W*(?:any|anything|something|whatever)(?: please)?\W*$",
    r"都(?:可以|行|好|成)|随便|无所谓|任意|哪个都|你(?:来)?(?:定|选|决定|看着办)|不知道|没(?:什么)?(?:想法|偏好|特别)|不确定|看着办|怎样都|均可|不挑|什么都(?:行|可以)",
)


@dataclass(frozen=True)
class Signs:
    """What a message holds beside the words that tell its act.

    Attributes
    ----------
    text : str
        Its shape: named and pointed-at items and people are marks.
    genres, limits, people, values : bool
        Genres wanted, years or numbers limited, people, values of columns.
    mood : str
        Free words.
    denied : bool
        Anything that is not wanted.
    examples, counter : bool
        Items named as examples and counter-examples.
    seen, missing : bool
        Items that are known already; quoted titles that do not exist.
    places, refused : bool
        Places in the list, taken and turned down.
    n_items : int
        Items named or pointed at, of all sorts.
    comparative : bool
        Something is to be more or less so than what was shown.
    leaning : bool
        Something is to be more or less so, whether held against a list or not.
    topic : str
        Fact that is asked about.
    is_question : bool
        Ends with a question mark.
    in_talk : bool
        A list was shown.
    count : bool
        So many items are wanted.
    """

    text: str
    genres: bool = False
    limits: bool = False
    people: bool = False
    values: bool = False
    mood: str = ""
    denied: bool = False
    examples: bool = False
    counter: bool = False
    seen: bool = False
    missing: bool = False
    places: bool = False
    refused: bool = False
    n_items: int = 0
    comparative: bool = False
    leaning: bool = False
    topic: str = ""
    is_question: bool = False
    in_talk: bool = False
    count: bool = False

    @property
    def wished(self) -> bool:
        """A kind of item is asked for."""
        return self.genres or self.limits or self.people or self.values

    @property
    def named(self) -> bool:
        """Anything of the catalogue is named or pointed at."""
        return self.wished or self.denied or self.n_items > 0 or self.missing


_Pair = tuple["re.Pattern[str]", "re.Pattern[str] | None"]


class Shape:
    """The words of a message, as acts are told from them."""

    def __init__(self, text: str) -> None:
        self.english = " ".join(text.lower().replace("’", "'").split())
        self.chinese = "".join(text.lower().split()) if _HAN.search(text) else ""

    def has(self, pair: _Pair) -> bool:
        """Whether the words of an act stand in it."""
        english, chinese = pair
        if english.search(self.english):
            return True
        return bool(self.chinese and chinese is not None and chinese.search(self.chinese))


_HAN = re.compile(r"[\u3400-\u9fff]")
_POLITE = re.compile(
    r"\b(?:thanks?|thank you)(?: (?:so|very) much| a lot)? for (?:the |your |all |these |those )?\w+(?: \w+)?|谢谢(?:你|您)?的?(?:推荐|帮助|建议|介绍)",
    _I,
)
_OPEN_QUESTION = re.compile(
    r"^\W*(?:(?:can|could|would) you (?:please )?(?:tell me |explain )?)?(?:who|what|when|where|which|how|is|are|does|do|did)\b",
    _I,
)
_ZH_QUESTION = re.compile(r"(?:什么|谁|哪里|哪儿|怎么|如何|多少|吗)[^，。]{0,8}[？?]?$")


def act_of(signs: Signs) -> Act:
    """What kind of turn a message is."""
    shape = Shape(
        _POLITE.sub(lambda match: "谢谢" if "谢" in match.group() else "thanks", signs.text)
    )
    for find in (_about_the_talk, _about_items, _about_a_list, _small_talk):
        act = find(shape, signs)
        if act is not None:
            return act
    if _is_outside(shape, signs):
        return "out_of_scope"
    return _wish(shape, signs)


def is_outside(text: str, *, has_genres: bool = False) -> bool:
    """Whether a message, as it was typed, asks for what no catalogue has.

    Parameters
    ----------
    text : str
        As it was typed.
    has_genres : bool
        It names a genre: then what else it wants of the system is passed over.
    """
    shape = Shape(text)
    if not shape.has(OUT_OF_SCOPE):
        return False
    if _SELF.search(text):
        return not has_genres
    for pattern in OUT_OF_SCOPE:
        if pattern is not None:  # "book me a table" is not about books
            text = pattern.sub(" ", text)
    return _IN_SCOPE.search(text) is None


def _about_the_talk(shape: Shape, signs: Signs) -> Act | None:
    if shape.has(FORGET) and not signs.genres:
        return "forget"
    if shape.has(CORRECT):
        return "correct"
    if shape.has(PROFILE) and not shape.has(_ASKED_BY_TASTE):
        return "profile"
    if shape.has(RESET):
        return "reset"
    return None


_ASKED_BY_TASTE = _words(
    r"\brec+om+[ae]nd|\bsuggest|\b(?:give|show|find) me (?!my)\w+|\bbased on|\bfits?\b|\bmatch",
    r"推荐|根据|按照|适合",
)


def _about_items(shape: Shape, signs: Signs) -> Act | None:
    asks_which = _WHICH.search(shape.english + shape.chinese) is not None
    if shape.has(COMPARE) and (not signs.examples or (signs.n_items > 1 and asks_which)):
        pointed = signs.n_items > 1 or (
            not signs.wished and (signs.n_items or not signs.comparative)
        )
        if pointed or asks_which:
            return "compare"
    if shape.has(WHY) and not (
        signs.wished and not signs.n_items and not _WHY_FIRST.search(shape.english + shape.chinese)
    ):
        return "why"
    if signs.topic and not (signs.topic == "all" and signs.wished and not signs.n_items):
        return "ask"
    return None


_WHICH = re.compile(r"\bwhich\b|\bcompar|\bversus\b|\bvs\b|differ|哪|谁|比较|对比|区别|差别", _I)
_WHY_FIRST = re.compile(r"^\W*(?:and |but |so )?why\b|^(?:为什么|为啥|为何)", _I)


def _about_a_list(shape: Shape, signs: Signs) -> Act | None:
    if signs.seen and (shape.has(MORE_LIKE) or signs.examples):
        return "more_like"
    if signs.refused or signs.seen:
        if not (signs.wished or signs.examples or signs.leaning) or (
            signs.seen and not signs.wished
        ):
            return "reject"
        return None
    if (
        shape.has(ACCEPT)
        and not (signs.wished or signs.comparative or signs.denied or signs.counter)
        and not shape.has(MORE_LIKE)
    ):
        if not (signs.n_items == 0 and shape.has(MORE)):
            return "accept"
    wants_less = signs.leaning and not (signs.wished or signs.denied or signs.n_items)
    if (signs.comparative or wants_less) and not signs.examples:
        asks = (
            shape.has(ASKING) and signs.genres and not _CHANGE.search(shape.english + shape.chinese)
        )
        return "recommend" if asks and not signs.in_talk else "critique"
    rejects = shape.has(REJECT) and not (signs.wished or signs.examples)
    if rejects and not signs.counter and not (signs.denied and not signs.n_items):
        return "reject"
    return None


_CHANGE = re.compile(r"\bsomething\b|\bbut\b|\bmake\b|换|再", _I)


def _small_talk(shape: Shape, signs: Signs) -> Act | None:
    quiet = not (signs.wished or signs.denied or signs.n_items or signs.leaning or signs.count)
    if quiet and shape.has(BYE):
        return "bye"
    if not quiet or shape.has(ASKING) or shape.has(MORE):
        return None
    if shape.has(THANKS):
        return "thanks"
    # "hi, dark and clever": the free words are the wish.
    greeting = GREET[0].search(shape.english)
    said = greeting.group().split() if greeting is not None else []
    only = all(word in said for word in signs.mood.split())
    return "greet" if shape.has(GREET) and only else None


def _is_outside(shape: Shape, signs: Signs) -> bool:
    """A question about nothing that a catalogue holds."""
    if (
        signs.named
        or signs.leaning
        or signs.count
        or shape.has(ASKING)
        or shape.has(MORE)
        or shape.has(FEWER)
    ):
        return False
    if _IN_SCOPE.search(signs.text):
        return False
    return bool(
        _OPEN_QUESTION.search(shape.english)
        or (shape.chinese and _ZH_QUESTION.search(shape.chinese))
    )


def _wish(shape: Shape, signs: Signs) -> Act:
    """Which sort of wish it is."""
    if signs.counter and not signs.examples:
        return "constrain" if signs.genres and not shape.has(_NOT_LIKE) else "not_like"
    if signs.examples or (signs.places and shape.has(MORE_LIKE)):
        return "more_like"
    if (
        shape.has(MORE_LIKE)
        and not signs.wished
        and (signs.n_items or _LIKE_THIS.search(shape.english + shape.chinese))
    ):
        return "more_like"
    if shape.has(FEWER) and not signs.wished:
        return "fewer"
    if shape.has(MORE) and not signs.denied:
        return "more"
    if signs.places and not signs.wished and not signs.denied:
        return "accept"
    strongly = _STRONGLY.search(_NOT_ASKED.sub(" ", shape.english + shape.chinese)) is not None
    narrowing = shape.has(NARROWING)
    if signs.denied and not signs.genres and not signs.people:
        return "recommend" if strongly else "constrain"
    if narrowing and (signs.named or signs.leaning):
        return (
            "recommend"
            if strongly and not _ONLY.search(shape.english + shape.chinese)
            else "constrain"
        )
    if signs.in_talk and (signs.named or signs.leaning) and not shape.has(ASKING):
        return "constrain"
    return "recommend"


_NOT_LIKE = _words(
    r"\b(?:like|unlike|similar|hate\w*|dislike\w*|enjoy|stand|not|awful|boring|terrible|bad)\b",
    r"像|类似|喜欢|讨厌|难看",
)
_LIKE_THIS = re.compile(
    r"\b(?:like (?:this|that|it|these|those|them)|similar|same|more of (?:the same|this|that))\b|类似|差不多|这类|这种|同类|相似|同样",
    _I,
)
_STRONGLY = re.compile(
    r"\brec+om+[ae]nd|\bsugg?est|\blooking for|\bfind me|\bshow me|\bgive me|\bwhat should|\bi (?:want|need|would like|'d like|feel like)\b|\bi'?m (?:in the mood|after)|\bany good\b|\bdo you have\b|推荐|想看|想要|想找|想学|想买|想读|给我(?:来|找)|帮我(?:找|挑)|有没有|有什么|找一|来[一几点部]|有.{0,16}吗",
    _I,
)
_NOT_ASKED = re.compile(
    r"\b(?:don'?t|do not|stop|never) (?:recommend|suggest|show|give|bring)\w*(?: me)?|(?:别|不要|不用)再?(?:给我|跟我)?(?:推荐|来|看)",
    _I,
)
_ONLY = re.compile(r"^\W*(?:only|just|but)\b|\bonly\b|只", _I)

TOPICS: tuple[tuple[str, _Pair], ...] = (
    ("director", _words(
        r"\bwho(?:['’]s| is| was)? (?:the )?(?:directed|directs?|made|shot|filmed|director)\b|\b(?:its|the|their|whose|which|what) directors?\b(?! [\ue002])|\bdirector of\b|\bby which director\b|\bwho(?:['’]s| is| was) it (?:directed|made) by\b|\bwho is behind\b|\bdirected by (?:who|whom)\b|\bdirector\?",
        r"导演(?:是|叫)?(?:谁|哪位|什么)|(?:谁|哪位|哪个导演)(?:导演|执导|拍)|谁(?:导|拍)的|的导演[？?]?$|哪个导演")),
    ("actor", _words(
        r"\bwho(?:(?:['’]s| is| was| are| were)?(?: all| else)? (?:stars?|starred|starring|plays?|played|playing|acts?|acted|acting|in\b|the (?:actors?|stars?|lead|main))|['’]s in)\b|\b(?:its|the|whole|full|which|what) (?:cast|actors?|actress(?:es)?)\b(?! [\ue002])|\bcast of\b|\b(?:actors?|stars) (?:in|of)\b|\bcast list\b",
        r"(?:主演|演员|主角|卡司|演员表)(?:都)?(?:是|有)?(?:谁|哪些|哪几|什么人|[？?]|$)|谁(?:主)?演|有(?:哪些|什么)演员|有谁(?:演|参演|出演)?$|都有谁")),
    ("author", _words(r"\bwho (?:wrote|is the (?:author|writer)|authored|penned)\b|\b(?:its|the) (?:author|writer)\b(?! [\ue002])|\bauthor of\b|\bwritten by (?:who|whom)\b", r"作者(?:是|叫)?谁|谁写|的作者|哪位作家|编剧是谁")),
    ("teacher", _words(r"\bwho(?:['’]s| is)? (?:teach(?:es|ing)|the (?:teacher|instructor|lecturer|tutor))\b|\b(?:its|the) (?:teacher|instructor|lecturer|tutor)\b(?! [\ue002])|\b(?:teacher|instructor) of\b|\btaught by (?:who|whom)\b", r"(?:老师|讲师|教师)(?:是|叫)?(?:谁|哪位)|谁(?:来)?(?:教|讲课?)|哪[位个](?:老师|讲师)|的(?:老师|讲师)[？?]?$")),
    ("year", _words(
        r"\b(?:what|which) year\b|\bwhen (?:was|did|is|were|does)\b|\bhow old (?:is|are)\b(?! you)|\brelease (?:date|year)\b|\byear of\b|\bcome out\b.*\?|\bwhat (?:decade|date)\b",
        r"(?:哪|什么|几几)一?年|什么时候(?:的|上映|出|拍|发行)|年份|上映(?:时间|日期|年)|多老|几年的")),
    ("genre", _words(
        r"\b(?:what|which) (?:genres?|kind|type|sort|category)(?: of (?:film|movie|book|thing|course|item))? (?:is|are|does|was)\b|\b(?:its|the) genres?\b|\bgenre of\b|\bis (?:it|this|that|[\ue000\ue001])\W{0,3}(?: \w+)? ?(?:an? )?(?:\w+ )?(?:comedy|drama|horror|thriller|romance|western|musical|documentary|romantic|funny|scary|violent|sad|suitable|appropriate|family|kid|child|safe|animated|sci-?fi|war)\b",
        r"(?:什么|哪种|哪个|哪一?类|属于(?:什么|哪))(?:类型|题材|类别|种类|风格|分类)|的(?:类型|题材)(?:是|[？?]|$)|是(?:喜剧|恐怖片?|爱情片?|动作片?|科幻片?|动画片?|纪录片?)吗|(?:适合|能给)(?:孩子|小孩|儿童|家人)[^，。]{0,4}(?:看)?吗|(?:恐怖|吓人|好笑|搞笑|暴力)吗")),
    ("length", _words(r"\bhow long\b|\b(?:its|the|what(?:['’]s| is) the) (?:runtime|running time|run time|length|duration)\b|\bhow many (?:minutes|hours|pages|weeks)\b|\bruntime\b.*\?|\blength of\b", r"多长(?:时间)?|片长|时长|多久|几(?:个)?(?:分钟|小时)|多少(?:分钟|页|小时)|几页")),
    ("price", _words(r"\bhow much (?:is|does|are|do|for|would)\b|\bwhat(?:['’]s| is) the (?:price|cost)\b|\bwhat does .{0,20}cost\b|\b(?:its|the) price\b|\bprice of\b|\bhow expensive\b|\bis it (?:expensive|cheap|free)\b", r"多少钱|什么价|价格(?:是|多少|[？?]|$)|几(?:块|元)钱?|贵不贵|贵吗|要钱吗|怎么卖|免费吗")),
    ("rating", _words(r"\bwhat(?:['’]s| is| are) (?:the|its|their) (?:ratings?|score|stars|reviews)\b|\bhow (?:is|was|well is) (?:it|this|that|[\ue000\ue001])\W{0,2} ?(?:rated|reviewed)\b|\brating of\b(?! (?:at least|at most|over|above|more|less|under|below|around|about|\d))|\bhow good\b|\b(?:is|was|are) (?:it|this|that|[\ue000\ue001]).{0,6} (?:well rated|highly rated|popular)\b|\bwhat do (?:people|critics|others) (?:think|say)\b|\bhow many stars\b", r"评分(?:是|多少|怎么样|高吗|如何|[？?]|$)|(?:打了)?(?:多少|几)分|几(?:颗)?星|口碑(?:怎么样|如何|好吗)|评价(?:怎么样|如何)")),
    ("language", _words(r"\b(?:what|which) language\b|\bis it in (?:english|french|\w+)\b|\blanguage is\b", r"什么语言?|哪种语言|(?:英|中|法|日)文(?:的)?吗|哪国话")),
    ("country", _words(r"\b(?:what|which) country\b|\bwhere (?:is|was) (?:it|this|that|[\ue000\ue001])\W{0,2} ?(?:from|made|filmed|set|shot|produced)\b|\bwhere does (?:it|this|that|[\ue000\ue001])\W{0,2} ?(?:take place|come from)", r"哪个?国家?的?|哪国|哪里(?:拍|产|制作)")),
    ("level", _words(r"\b(?:what|which) level\b|\bhow (?:hard|difficult|advanced) is\b|\bis (?:it|this|that|[\ue000\ue001])\W{0,2} (?:for beginners|beginner|advanced|suitable for beginners)\b", r"难度(?:是|如何|怎么样|大吗|[？?]|$)|难(?:不难|吗)|适合(?:初学者|新手|零基础)吗|什么(?:级别|水平)")),
    ("brand", _words(r"\b(?:what|which) brand\b|\bwho (?:makes|sells|manufactures)\b", r"什么(?:牌子|品牌)|哪个(?:牌子|品牌)")),
    ("all", _words(
        r"\b(?:tell (?:me|us)|know|say|hear|learn|info(?:rmation)?|details?|read) (?:me )?(?:\w+ ){0,3}?(?:about|on) (?:[\ue000\ue001]|it\b|that\b|this\b|them\b)|\btell me (?:more )?about\b(?! (?:me|my|yourself|you)\b)|\bwhat(?: is|['’]?s|s) (?:[\ue000\ue001]\s*|it |that |this (?:one )?|the \w+ one |the (?:film|movie|plot|story|book) ?)(?:all )?(?:about|of)?\b|\bwhat happens in\b|\b(?:plot|story|storyline|synopsis|summary|premise|description) (?:of|for|in)\b|\b(?:its|the|what['’]?s the) (?:plot|story|synopsis|storyline|premise)\b|\bdescribe (?:[\ue000\ue001]|it|that|this)|\bmore (?:info(?:rmation)?|details?)\b|\bgive me (?:the )?(?:details|info)|\bwhat is [\ue000\ue001]|\bsummari[sz]e\b|\bdo you (?:have|know|carry|stock|sell|got)\W+[\ue000]|\bhave you (?:got |seen |heard of )?\W*[\ue000]|\bis [\ue000]\s*(?:available|in (?:the|your) (?:catalogue|list|library)|there)\b|\b(?:is|was|does|did|are|has) (?:[\ue000\ue001]|it\b|this\b|that\b)[^.!]*\?|\bcan (?:kids|children|my (?:kids|son|daughter)) (?:watch|see)\b",
        r"介绍(?:一下|下|[\ue000\ue001])|讲(?:的|了)?(?:是)?(?:什么|啥)|说(?:的|了)(?:是)?(?:什么|啥)|(?:说说|讲讲|聊聊|谈谈)|(?:剧情|情节|故事|内容|简介|梗概)(?:是|如何|怎么样|呢|[？?]|$|简介|介绍)|(?:详细|具体)(?:信息|介绍|内容|说说|情况)|更多(?:信息|细节)|关于[\ue000\ue001]|[\ue000\ue001](?:是什么|怎么样|如何|呢[？?]?$|的(?:详情|信息|资料|简介))|有[\ue000](?:吗|没有|么|这部)|(?:你们?)?有没有[\ue000]|了解(?:一下)?[\ue000\ue001]|什么故事|主要内容|好看吗|好不好看|值得(?:一)?(?:看|读|买|学)吗|怎么样[？?]?$")),
)  # fmt: skip


def topic_of(text: str) -> str:
    """Which fact a message asks about, empty where it asks about none."""
    shape = Shape(text)
    return next((name for name, pair in TOPICS if shape.has(pair)), "")
