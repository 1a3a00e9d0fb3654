"""ToyTown in Chinese: the words and the ways to say each kind of sentence.

Every list is aligned with the same list in `english.py`: entry i means the same thing in both.
Punctuation is full width; a speaker always comes before what is said, so that a closing quote
ends its sentence.
"""

PRONOUNS = {"boy": ("他", "他的", "他"), "girl": ("她", "她的", "她")}
SPACE = ""
CHILD = {"boy": "小男孩", "girl": "小女孩"}
NAMES = {
    "boy": "汤姆 本尼 山姆 杰克 迈克 里奥 芬恩 奥斯卡 彼得 保罗 亨利 亚当".split(),
    "girl": "莉莉 安娜 米娅 艾玛 露西 艾拉 罗丝 佐伊 格蕾丝 艾米 海伦 克拉拉".split(),
}
# One character a syllable; those that end a name tell boy from girl.
FIRST = "巴 毕 达 菲 古 卡 科 洛 鲁 马 米 尼 诺 帕 皮 瑞 萨 塔 维 瓦 夏 优 祖".split()
MIDDLE = "贝 迪 夫 加 吉 克 莫 若 托 伏".split()
LAST = {
    "boy": "波 东 柯 罗 茂 鹏 荣 佐".split(),
    "girl": "佳 兰 蜜 娜 丽 莎 蒂 雅".split(),
}
TRAITS = "善良的 勇敢的 文静的 开朗的 聪明的 温柔的 好奇的 有礼貌的 有耐心的 诚实的".split()
WEATHER = "晴朗的 下雨的 刮风的 多云的 起雾的 寒冷的".split()
CHANGES = "太阳出来了 下起了雨 刮起了大风 天空布满了乌云 起了大雾 天气变冷了".split()
TIMES = "早晨 下午 傍晚 日子".split()
PLACES = "公园 花园 海边 森林 农场 游乐场 河边 草地上 小山上 湖边 果园 集市".split()
_INSIDE = """
公园里 花园里 海边 森林里 农场里 游乐场里 河边 草地上 小山上 湖边 果园里 集市上
""".split()
SPOTS = [
    "长椅下面",
    "大树后面",
    "高高的草丛里",
    "灌木丛下面",
    "大石头后面",
    "篱笆旁边",
    "一堆落叶下面",
    "水坑旁边",
]
COLOURS = "红色 蓝色 绿色 黄色 白色 黑色 橙色 紫色".split()
# Each noun follows its measure word.
_THINGS = """
个皮球 只风筝 本图画书 顶帽子 个盒子 面小鼓 个布娃娃 个杯子 个背包 条围巾 把雨伞 个气球
个水桶 把小铲子 个机器人 个铃铛 面小旗 盏灯笼 个口哨 副拼图 条毯子 个篮子 支铅笔 条丝带
辆玩具车 艘玩具船 列玩具火车 个陀螺
""".split()
_ITEMS = """
个贝壳 块石头 颗橡果 片树叶 朵花 根羽毛 颗浆果 颗坚果 枚硬币 颗纽扣 颗弹珠 个鸡蛋
""".split()
NUMBERS = "零 一 两 三 四 五 六 七 八 九 十".split()
_FOODS = """
个苹果 个梨 根香蕉 个三明治 块饼干 根胡萝卜 个小面包 个李子 个桃子 张煎饼 块松饼 颗草莓
""".split()
_ANIMALS = """
只小狗 只小猫 只兔子 只小鸟 只鸭子 只松鼠 只刺猬 只青蛙 只乌龟 只小羊羔 只山羊 只小老鼠
""".split()
MANNERS = "小小的 友好的 害羞的 好奇的 聪明的 贪玩的 温顺的 有趣的".split()
GAMES = "捉迷藏 追人游戏 跳山羊 跳房子 猜谜游戏 学样游戏".split()
SONGS = "歌 儿歌 小曲 摇篮曲".split()
MOODS = {
    "calm": "平静",
    "happy": "开心",
    "sad": "难过",
    "scared": "害怕",
    "tired": "累",
    "hungry": "饿",
    "proud": "自豪",
}

_WORDINGS = {
    "opening": """
从前有{a_trait}{child}，名叫{name}。
从前，有{a_trait}{child}叫{name}。
很久以前，小镇上住着{a_trait}{child}，名叫{name}。
海边的小镇上住着{a_trait}{child}，名字叫{name}。
今天的故事里有{a_trait}{child}，名叫{name}。
这个故事的主人公叫{name}，是{a_trait}{child}。
玩具镇的人都知道，{name}是{a_trait}{child}。
我来给你讲个故事，故事里有{a_trait}{child}叫{name}。
{name}是{a_trait}{child}，住在玩具镇。
{name}是{a_trait}{child}。
街尾的房子里住着{a_trait}{child}，名叫{name}。
玩具镇上有{a_trait}{child}，大家都叫这孩子{name}。
""",
    "scene": """
在一个{weather}{time}，{who}来到了{place}。
在一个{weather}{time}，{who}在{at_place}玩。
记得那是一个{weather}{time}，{who}到{at_place}去玩。
那是一个{weather}{time}，{who}正在{at_place}散步。
那是一个{weather}{time}，{who}一个人来到{place}。
{who}在一个{weather}{time}来到{place}散步。
一个{weather}{time}，{who}出门去{place}玩。
一个{weather}{time}，{who}独自在{at_place}玩耍。
故事从{at_place}开始，{who}在一个{weather}{time}来到这里。
{who}正在{at_place}玩，那是一个{weather}{time}。
{who}出门来到{place}，那是一个{weather}{time}。
""",
    "own": """
{who}有{a_thing}。
{who}带来了{a_thing}。
{who}手里拿着{a_thing}。
{who}总是带着{a_thing}。
{who}有{a_thing}，是奶奶送的。
{who}有{a_thing}，一直很爱惜。
{who}出门时带上了{a_thing}。
{who}过生日的时候得到了{a_thing}。
{who}最宝贝的是{a_thing}。
{who}身边放着{a_thing}。
""",
    "like": """
{who}喜欢{likes}。
{who}很喜欢{likes}。
{who}非常喜欢{likes}。
{who}最喜欢{likes}了。
{who}说：“我喜欢{likes}。”
{who}认真地说：“我真喜欢{likes}！”
{who}说：“你知道吗，我喜欢{likes}。”
{who}一看到{likes}就高兴。
{who}常常梦见{likes}。
一说起{likes}，{who}就有说不完的话。
""",
    "want": """
{who}想要{a_noun}。
{who}一直想要{a_noun}。
{who}很想有{a_noun}。
{who}特别想得到{a_noun}。
{who}说：“要是我有{a_noun}就好了。”
{who}小声说：“真希望我有{a_noun}。”
{who}做梦都想要{a_noun}。
好几个星期以来，{who}一直盼着有{a_noun}。
{who}最想要的是{a_noun}。
""",
    "get": """
这时奶奶送给{who}{a_thing}。
爸爸走过来，送给{who}{a_thing}。
没想到，叔叔送给{who}{a_thing}。
妈妈拿来{a_thing}，{who}简直不敢相信自己的眼睛。
一位好心的老奶奶送给{who}{a_thing}。
{who}终于得到了{a_thing}。
爷爷拿来一个纸包，{who}打开一看，里面是{a_thing}。
愿望实现了，{who}得到了{a_thing}。
爷爷像变魔术一样，送给{who}{a_thing}。
姑姑给了{who}一个惊喜，原来是{a_thing}。
""",
    "friend": """
这时{who}遇见了一个{child}，名叫{name}。
{who}遇到了一个叫{name}的{child}。
不久，一个叫{name}的{child}走了过来。
一个叫{name}的{child}走过来挥挥手。
旁边还有一个{child}，名字叫{name}。
{who}交了一个新朋友，是一个叫{name}的{child}。
{who}看见一个{child}独自坐着，一问才知道名叫{name}。
一个{child}笑着说：“你好，我叫{name}。”
一个{child}走过来说：“我叫{name}，我们一起玩好吗？”
一个{child}走到{who}面前说：“我的名字是{name}。”
没过多久，{who}就和一个叫{name}的{child}聊得像老朋友一样。
""",
    "animal": """
这时来了{a_animal}。
忽然，{who}面前出现了{a_animal}。
{who}看见了{a_animal}。
{a_animal}来到{who}身边。
{a_animal}正望着{who}。
{who}在路边发现了{a_animal}。
不远处有{a_animal}。
{who}听到一点声音，原来是{a_animal}。
{who}一转身，看见了{a_animal}。
{who}说：“咦，那边有{a_animal}。”
""",
    "name_animal": """
{who}给{the_animal}起名叫{name}。
{who}给{the_animal}取了个名字，叫{name}。
{who}对{the_animal}说：“我就叫你{name}吧。”
{who}对{the_animal}说：“从今天起，你就叫{name}了。”
{who}看着{the_animal}，决定叫它{name}。
{who}觉得{name}这个名字很适合{the_animal}。
{the_animal}还没有名字，{who}就叫它{name}。
{who}想来想去，给{the_animal}想出了一个好名字，叫{name}。
""",
    "feed": """
{who}给了{pet}{a_food}。
{who}喂{pet}吃了{a_food}。
{who}拿出{a_food}，{pet}很快就吃光了。
{who}和{pet}分吃了{a_food}。
{pet}饿了，{who}就给了它{a_food}。
{pet}在{who}手里吃掉了{a_food}。
{who}对{pet}说：“给你{a_food}。”
{who}从包里找出{a_food}，给了{pet}。
{who}把{a_food}放在{pet}面前。
""",
    "pat": """
{who}摸了摸{pet}。
{who}轻轻地抚摸{pet}。
{who}在{pet}旁边坐下。
{who}和{pet}玩了一会儿。
{who}悄悄告诉{pet}一个秘密。
{pet}轻轻蹭了蹭{who}。
{who}走到哪儿，{pet}就跟到哪儿。
{pet}在{who}脚边玩耍。
{pet}睁大眼睛望着{who}。
{pet}围着{who}转来转去。
""",
    "flee": """
忽然，{pet}不见了。
后来，{pet}离开了。
{pet}受了惊，一下子没影了。
砰的一声，{pet}吓得逃走了。
{who}一转头，{pet}就不见了。
{who}抬起头时，{pet}已经走了。
{pet}悄悄地溜走了。
{pet}听到什么动静，吓得躲了起来。
""",
    "return": """
过了一会儿，{pet}回来了。
{pet}又回到{who}身边。
{who}喊了一声，{pet}就回来了。
{who}看见{pet}回来了。
没想到，{pet}又回来了。
{who}静静地等着，{pet}真的回来了。
身后有点动静，{who}回头一看，{pet}回来了。
最后{pet}自己回来了。
""",
    "gather": """
{who}找到了{n_items}。
{who}发现了{n_items}。
{who}收集了{n_items}。
{who}四处看看，找到了{n_items}。
{who}看见{n_items}，就都收了起来。
{who}在附近找到了{n_items}。
没过一会儿，{who}就有了{n_items}。
{who}找了找，数了数，有{n_items}。
{who}说：“看，我找到了{n_items}。”
{who}运气真好，一下子找到了{n_items}。
""",
    "more": """
{who}又找到了{m}，现在有{total_items}了。
{who}又发现了{m}，一共有{total_items}。
后来{who}又找到{m}，加起来是{total_items}。
加上新找到的{m}，{who}一共有{total_items}。
又多了{m}，{who}现在有{total_items}。
{who}再找了找，又找到{m}，总共有{total_items}。
{who}说：“我又找到{m}，现在有{total_items}了。”
又找到{m}以后，{who}就有{total_items}了。
""",
    "share": """
{who}给了{other}{m_items}，还剩{left}。
{who}把{m_items}给了{other}，自己留下{left}。
{who}分给{other}{m_items}，自己还剩{left}。
{who}送给{other}{m_items}，手里还有{left}。
{who}递给{other}{m_items}，自己剩下{left}。
{who}对{other}说：“这{m_items}给你，我还有{left}。”
{who}把{m_items}放到{other}手里，自己还有{left}。
{who}拿出{m_items}送给{other}，这样还剩{left}。
""",
    "drop": """
{who}掉了{m_items}，还剩{left}。
{who}不小心丢了{m_items}，只剩{left}了。
{who}的口袋破了个洞，掉了{m_items}，还有{left}。
哎呀，{who}丢了{m_items}，只剩下{left}。
{who}绊了一跤，丢了{m_items}，不过还有{left}。
{who}一看，少了{m_items}，只有{left}了。
{m_items}掉在地上不见了，{who}还剩{left}。
""",
    "tally": """
现在{who}有{total_items}。
{who}数来数去，都是{total_items}。
{who}一共有{total_items}。
{who}又数了一遍，还是{total_items}。
{who}说：“我现在有{total_items}。”
{who}把{total_items}都摆在地上。
{who}把{total_items}排成一排。
{who}的袋子里装着{total_items}。
""",
    "compare": """
现在{who}有{total_items}，{other}有{other_count}。
{who}数出{total_items}，{other}数出{other_count}。
这样，{who}有{total_items}，而{other}有{other_count}。
数一数，{who}有{total_items}，{other}有{other_count}。
这时{who}已经有{total_items}，{other}有{other_count}。
{who}对{other}说：“我有{total_items}，你有{other_count}。”
""",
    "give": """
{who}把{thing}给了{other}。
{who}把自己的{thing}给了{other}。
{who}把{thing}递给{other}，送出了这份礼物。
{who}请{other}收下{thing}。
{who}把{thing}当作礼物送给了{other}。
{who}对{other}说：“我的{thing}归你了。”
{who}对{other}说：“这{thing_m}送给你了。”
{who}走过来，把{thing}送给了{other}。
{who}想了一会儿，把{thing}给了{other}。
{who}看{other}那么喜欢{thing}，就把它送了出去。
{other}从{who}那里得到了{thing}。
""",
    "thank": """
{who}说：“谢谢你，{other}。”
{who}高兴地说：“太谢谢你了，{other}！”
{who}连声感谢{other}。
{who}真心地感谢{other}。
{who}紧紧抱住{other}，表示感谢。
{who}说：“你真是个好朋友，{other}。”
{who}笑着向{other}道谢。
{who}说：“{other}，你真好。”
""",
    "swap": """
{who}用{thing}换了{other}的{thing2}。
{who}给{other}{thing}，换来了{thing2}。
{who}和{other}做了交换，拿{thing}换{thing2}。
{who}对{other}说：“我用{thing}换你的{thing2}吧。”
{who}拿自己的{thing}换来{other}的{thing2}。
{who}拿走了{thing2}，{other}拿走了{thing}。
两个人交换了东西：{who}得到{thing2}，{other}得到{thing}。
{who}想要{other}的{thing2}，就拿{thing}去换来了。
""",
    "lose": """
后来{who}把{thing}弄丢了。
{who}不小心丢了{thing}。
忽然，{who}找不到{thing}了。
哎呀，{who}弄丢了{thing}。
{who}喊道：“我的{thing}在哪儿？”
{who}四处看看，可是{thing}不见了。
{who}放下{thing}，转身就忘了放在哪里。
{who}的{thing}不知掉到哪里去了。
{who}想去拿{thing}，可是它不在了。
{who}回头一看，自己的{thing}没有了。
""",
    "seek": """
{who}到处找{thing}。
{who}找啊找，想找到{thing}。
{who}东跑西跑地找{thing}。
{who}一个角落一个角落地找{thing}。
{who}说：“我一定要找到{thing}。”
{who}顺着原路回去找{thing}。
{who}逢人就问有没有看见{thing}。
{who}趴在地上找{thing}。
可是{who}怎么也找不到{thing}。
""",
    "find_own": """
最后{who}在{spot}找到了{thing}。
{who}在{spot}找到了{thing}。
就在{spot}，{who}又看见了{thing}。
{who}喊道：“{thing}在{spot}！”
{thing}就在{spot}，{who}把它捡了起来。
过了很久，{who}才在{spot}找到{thing}。
{who}又仔细看了看，{thing}就在{spot}。
{who}正想放弃，却在{spot}看见了{thing}。
""",
    "find_other": """
{who}在{spot}找到了{thing}，还给了{other}。
最后{who}在{spot}找到{thing}，拿给了{other}。
{who}对{other}说：“给你，{thing}原来在{spot}。”
{who}看见{thing}在{spot}，就把它还给{other}。
{thing}就在{spot}，{who}把它带给了{other}。
多亏{who}眼睛尖，{other}的{thing}在{spot}找到了。
{who}发现{thing}在{spot}，跑去交给{other}。
{who}从{spot}捡回{thing}，交给了{other}。
""",
    "break": """
后来{who}的{thing}坏了。
哎呀，{who}把{thing}弄坏了。
{who}摔了一跤，{thing}摔坏了。
{who}手一松，{thing}掉在地上摔坏了。
咔嚓一声，{who}的{thing}坏了。
{who}不小心踩到{thing}，把它踩坏了。
啪的一声，{who}手里的{thing}坏了。
{who}用力太大，把{thing}弄坏了。
""",
    "mend_own": """
{who}修好了{thing}。
{who}用胶水修好了{thing}。
{who}花了好大力气才把{thing}修好。
{who}找来工具，修好了{thing}。
{who}坐下来修理{thing}，终于修好了。
{who}没有放弃，把{thing}修好了。
过了一会儿，{who}把{thing}修好了。
{who}想出办法，让{thing}又像新的一样。
""",
    "mend_other": """
{who}帮{other}修好了{thing}。
{who}修好{thing}，还给了{other}。
{who}对{other}说：“你的{thing}修好了。”
{who}用胶水修好了{other}的{thing}。
{who}跑来帮忙，把{other}的{thing}修好了。
{who}找来工具，修好了{other}的{thing}。
{who}花了好大力气，替{other}修好了{thing}。
{other}看着{who}修好了{thing}。
""",
    "paint": """
{who}把{thing}涂成了{colour}。
{who}拿起刷子，把{thing}刷成{colour}。
{who}不喜欢原来的颜色，就把{thing}涂成{colour}。
{who}用一把大刷子把{thing}涂成了{colour}。
{who}打开一罐颜料，把{thing}涂成{colour}。
{who}说：“我把{thing}涂成{colour}了。”
{who}觉得{thing}涂成{colour}更好看，就动手涂了。
没过多久，{who}就把{thing}涂成了{colour}。
""",
    "play_alone": """
{who}自己玩{thing}。
{who}玩{thing}玩了很久。
{who}玩{thing}，玩得很开心。
{who}玩{thing}玩了一个小时。
{who}一边笑一边玩{thing}。
{who}用{thing}发明了一种新玩法。
{who}开开心心地玩{thing}。
{who}玩{thing}，停也停不下来。
""",
    "play_together": """
{who}和{other}一起玩{thing}。
{who}和{other}玩{thing}，玩得很开心。
{who}和{other}轮流玩{thing}。
{who}对{other}说：“我们来玩我的{thing}吧。”
{who}让{other}玩了一会儿{thing}。
{who}请{other}过来，两个人一起玩{thing}。
{who}和{other}用{thing}发明了一个新游戏。
{who}和{other}一边笑一边玩{thing}。
""",
    "show": """
{who}给{other}看{thing}。
{who}把{thing}拿给{other}看。
{who}对{other}说：“看看我的{thing}。”
{who}把{thing}举得高高的，让{other}看。
{who}大方地让{other}看看{thing}。
{who}叫{other}过来看{thing}。
{who}拿出{thing}，{other}看了又看。
{who}给{other}讲了讲{thing}是怎么来的。
""",
    "recall": """
现在{who}有{thing}了。
现在{thing}是{who}的了。
{thing}就在{who}手里。
{who}紧紧抓着{thing}。
{who}把{thing}收好了。
{who}拿着{thing}，舍不得放下。
{who}一直看着{thing}，怕它丢了。
{who}把{thing}看了又看。
{who}把{thing}当成宝贝。
""",
    "go": """
然后{all}去{place}玩。
之后{all}来到{place}。
后来{all}走到了{place}。
{all}一路跑到{place}。
{all}沿着小路来到{place}。
{all}决定去{place}，说走就走。
{all}不慌不忙地走到{place}。
接着{all}去{place}散步。
{all}跟着路牌来到了{place}。
{all}走着走着，就到了{place}。
""",
    "weather": """
后来{change}。
不久，{change}。
过了一会儿，{change}。
忽然，{change}。
就在这时，{change}。
不知什么时候，{change}。
转眼间，{change}。
{who}说：“哎呀，{change}。”
{who}发现{change}。
谁也没想到，{change}。
""",
    "feel_calm": """
{who}觉得很平静。
{who}静静地坐着，看着天空。
{who}深深吸了一口气，笑了。
{who}心里很平静。
{who}轻轻地哼着歌。
""",
    "feel_happy": """
{who}非常开心。
{who}很开心。
{who}大声笑了起来。
{who}高兴得跳了起来。
{who}拍着手笑了。
{who}开心得跳起舞来。
{who}说：“今天真棒！”
{who}的脸上露出了大大的笑容。
{who}好久没有这么开心了。
""",
    "feel_sad": """
{who}非常难过。
{who}很难过。
{who}哭了起来。
{who}难过地低下了头。
眼泪从{who}的脸上流下来。
{who}坐下来，悄悄地哭了。
{who}难过得一句话也不说。
{who}说：“我心里好难过。”
""",
    "feel_scared": """
{who}非常害怕。
{who}心里很害怕。
{who}吓得发抖。
{who}吓得一动也不敢动。
{who}吓得心怦怦直跳。
{who}小声说：“我害怕。”
{who}吓得捂住了眼睛。
""",
    "feel_tired": """
{who}还是很累。
{who}觉得很累。
{who}的眼睛快睁不开了。
{who}不停地打哈欠。
{who}说：“我好累啊。”
{who}的腿沉甸甸的。
""",
    "feel_hungry": """
{who}还是很饿。
{who}觉得很饿。
{who}的肚子咕咕叫。
{who}心里只想着吃的。
{who}说：“我能吃下一大锅饭。”
{who}的肚子空空的。
""",
    "feel_proud": """
{who}非常自豪。
{who}心里很自豪。
{who}挺起了胸膛。
{who}说：“我做到了！”
{who}笑得合不拢嘴，心里很得意。
{who}为自己做的事感到自豪。
{who}为自己的本领感到自豪。
""",
    "hungry": """
过了一会儿，{who}饿了。
{who}肚子饿了。
{who}玩着玩着，肚子饿了。
{who}说：“我饿了。”
这时{who}已经很饿了。
不知不觉，{who}饿了。
{who}摸摸肚子，觉得饿了。
""",
    "eat": """
{who}吃了{a_food}。
{who}坐下来吃了{a_food}。
{who}从包里拿出{a_food}吃了。
{who}高兴地吃了{a_food}。
{who}吃了{a_food}，觉得好多了。
幸好{who}带了{a_food}，马上吃了。
{who}大口大口地吃了{a_food}。
{who}一下子吃完了{a_food}。
{who}笑眯眯地吃了{a_food}。
一位好心的阿姨请{who}吃了{a_food}。
""",
    "tired": """
过了一会儿，{who}累了。
{who}走累了。
玩了这么久，{who}累了。
{who}说：“我累了，想歇一歇。”
{who}打了个哈欠，有点累了。
{who}跑来跑去，跑累了。
{who}揉揉眼睛，觉得累了。
""",
    "rest": """
{who}躺下来睡了一觉。
{who}坐下来歇了歇。
{who}闭上眼睛睡了一会儿。
{who}休息了一会儿，又有精神了。
{who}打了个盹，觉得好多了。
{who}找了个安静的地方睡了一小会儿。
{who}靠着一棵树休息了一下。
""",
    "scare": """
一声巨响把{who}吓坏了。
忽然，{who}听到一声巨响，吓了一跳。
旁边有东西动了一下，{who}吓坏了。
{who}看见一个奇怪的影子，吓坏了。
轰的一声，{who}吓得跳了起来。
{who}听见一声大吼，心里害怕了。
突然砰的一声，{who}吓得不轻。
""",
    "comfort": """
{who}抱了抱{other}。
{who}抱着{other}，直到{other_again}心里好受些。
{who}对{other}说：“没事的，会好起来的。”
{who}对{other}说：“别担心，有我在。”
{who}拉起了{other}的手。
{who}搂住了{other}的肩膀。
{who}给{other}讲了个笑话，两个人都笑了。
{who}安慰了{other}。
{who}用一个有趣的故事逗笑了{other}。
""",
    "game": """
然后{all}玩了{game}。
{all}玩起了{game}。
{all}玩{game}，玩得忘了时间。
{all}玩了一个小时{game}。
{all}玩{game}，玩得非常高兴。
{all}玩{game}，谁也不想停下来。
{all}玩了好一会儿{game}。
""",
    "sing": """
{who}唱了一首{song}。
{who}唱了一首好听的{song}。
{who}唱起了一首{song}。
{who}哼着一首{song}。
{who}想起一首{song}，就唱了起来。
{who}用清亮的声音唱了一首{song}。
{who}一边走一边唱一首{song}。
{who}自己编了一首{song}来唱。
""",
    "close": """
最后，{who}回家了，觉得很{mood}。
一天结束了，{who}回到家，感到很{mood}。
天黑了，{who}回家了，觉得很{mood}。
该回家了，{who}感到很{mood}。
那天晚上，{who}上床睡觉，觉得很{mood}。
就这样，一天过去了，{who}感到很{mood}。
{who}走回家，一路上都很{mood}。
{who}说了再见就回家了，觉得很{mood}。
{who}回家把这一天讲给妈妈听，觉得很{mood}。
那天晚上，{who}睡着的时候还是很{mood}。
天色晚了，{who}回家了，感到很{mood}。
这一天就这样结束了，{who}很{mood}。
""",
}
WORDINGS = {kind: lines.strip().split("\n") for kind, lines in _WORDINGS.items()}

THINGS = [t[1:] for t in _THINGS]
ITEMS = [t[1:] for t in _ITEMS]
FOODS = [t[1:] for t in _FOODS]
ANIMALS = [t[1:] for t in _ANIMALS]


def trait(t):
    return "一个" + TRAITS[t]


def thing(colour, noun):
    return COLOURS[colour] + THINGS[noun]


def thing_m(colour, noun):
    """With its measure word, after 这 or 那."""
    return _THINGS[noun][0] + thing(colour, noun)


def a_thing(colour, noun):
    return "一" + thing_m(colour, noun)


def a_noun(noun):
    return "一" + _THINGS[noun]


def a_animal(manner, kind):
    # 小小的小狗 would say "small" three times.
    noun = ANIMALS[kind].removeprefix("小") if MANNERS[manner] == "小小的" else ANIMALS[kind]
    return "一" + _ANIMALS[kind][0] + MANNERS[manner] + noun


def animal(kind):
    return ANIMALS[kind]


def the_animal(kind):
    return "那" + _ANIMALS[kind]


def a_food(food):
    return "一" + _FOODS[food]


def likes(i):
    return (FOODS + ANIMALS)[i]


def count(n, item):
    return NUMBERS[n] + _ITEMS[item]


def item(i):
    return ITEMS[i]


def number(n, item):
    return NUMBERS[n] + _ITEMS[item][0]


def place(i):
    return PLACES[i]


def at_place(i):
    return _INSIDE[i]


def join(names):
    return "、".join(names[:-1]) + "和" + names[-1] if len(names) > 1 else names[0]


def they(genders):
    return "她们" if genders == {"girl"} else "他们"


SENTENCE_END = "[。！？]”?"
