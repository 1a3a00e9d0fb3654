"""ToyTown in English: the words and the ways to say each kind of sentence.

Every list is aligned with the same list in `chinese.py`: entry i means the same thing in both.
A wording is a sentence with slots in braces; `grammar.py` fills them.
"""

PRONOUNS = {"boy": ("he", "his", "him"), "girl": ("she", "her", "her")}
SPACE = " "
CHILD = {"boy": "boy", "girl": "girl"}
NAMES = {
    "boy": "Tom Ben Sam Jack Max Leo Finn Oscar Peter Paul Henry Adam".split(),
    "girl": "Lily Anna Mia Emma Lucy Ella Rose Zoe Grace Amy Helen Clara".split(),
}
# Made-up names are two or three syllables of two letters; the last one tells boy from girl.
FIRST = "Ba Bi Da Fe Gu Ka Ke Lo Lu Ma Mi Ne No Pa Pi Ru Sa Ta Vi Wa Xa Yo Zu".split()
MIDDLE = "be di fu ga ji ke mo ru to vu".split()
LAST = {
    "boy": "bo do ko lu mo po ro zo".split(),
    "girl": "ka la mi na ri sa ti ya".split(),
}
TRAITS = "kind brave quiet cheerful clever gentle curious polite patient honest".split()
WEATHER = "sunny rainy windy cloudy foggy cold".split()
CHANGES = [
    "the sun came out",
    "it began to rain",
    "a strong wind began to blow",
    "grey clouds filled the sky",
    "a thick fog rolled in",
    "the air turned cold",
]
TIMES = "morning afternoon evening day".split()
# (preposition, place)
PLACES = [
    ("in", "the park"),
    ("in", "the garden"),
    ("on", "the beach"),
    ("in", "the forest"),
    ("on", "the farm"),
    ("at", "the playground"),
    ("by", "the river"),
    ("in", "the meadow"),
    ("on", "the hill"),
    ("by", "the lake"),
    ("in", "the orchard"),
    ("at", "the market"),
]
SPOTS = [
    "under a bench",
    "behind a tree",
    "in the tall grass",
    "under a bush",
    "behind a big rock",
    "next to a fence",
    "under a pile of leaves",
    "beside a puddle",
]
COLOURS = "red blue green yellow white black orange purple".split()
THINGS = [
    *"ball kite book hat box drum doll cup bag scarf umbrella balloon bucket spade".split(),
    *"robot bell flag lantern whistle puzzle blanket basket pencil ribbon".split(),
    *["toy car", "toy boat", "toy train", "spinning top"],
]
ITEMS = [
    ("shell", "shells"),
    ("stone", "stones"),
    ("acorn", "acorns"),
    ("leaf", "leaves"),
    ("flower", "flowers"),
    ("feather", "feathers"),
    ("berry", "berries"),
    ("nut", "nuts"),
    ("coin", "coins"),
    ("button", "buttons"),
    ("marble", "marbles"),
    ("egg", "eggs"),
]
NUMBERS = "zero one two three four five six seven eight nine ten".split()
# (singular, plural)
FOODS = [
    ("apple", "apples"),
    ("pear", "pears"),
    ("banana", "bananas"),
    ("sandwich", "sandwiches"),
    ("cookie", "cookies"),
    ("carrot", "carrots"),
    ("bun", "buns"),
    ("plum", "plums"),
    ("peach", "peaches"),
    ("pancake", "pancakes"),
    ("muffin", "muffins"),
    ("strawberry", "strawberries"),
]
ANIMALS = [
    ("dog", "dogs"),
    ("cat", "cats"),
    ("rabbit", "rabbits"),
    ("bird", "birds"),
    ("duck", "ducks"),
    ("squirrel", "squirrels"),
    ("hedgehog", "hedgehogs"),
    ("frog", "frogs"),
    ("turtle", "turtles"),
    ("lamb", "lambs"),
    ("goat", "goats"),
    ("mouse", "mice"),
]
MANNERS = "tiny friendly shy curious clever playful gentle funny".split()
GAMES = [
    "hide-and-seek",
    "tag",
    "leapfrog",
    "hopscotch",
    "a guessing game",
    "follow-the-leader",
]
SONGS = "song rhyme tune lullaby".split()
MOODS = {
    "calm": "calm",
    "happy": "happy",
    "sad": "sad",
    "scared": "scared",
    "tired": "tired",
    "hungry": "hungry",
    "proud": "proud",
}

_WORDINGS = {
    "opening": """
Once upon a time there was {a_trait} {child} named {name}.
Once there lived {a_trait} {child} called {name}.
There once was {a_trait} {child} whose name was {name}.
Long ago, in a small town, there lived {a_trait} {child} named {name}.
In a little town by the sea lived {a_trait} {child} named {name}.
This is the story of {a_trait} {child} called {name}.
This story is about {name}, {a_trait} {child} from ToyTown.
Everyone in ToyTown knew {name}, {a_trait} {child}.
Let me tell you about {name}, {a_trait} {child}.
{name} was {a_trait} {child} who lived in ToyTown.
{name} was {a_trait} little {child}.
In a house at the end of the street lived {name}, {a_trait} {child}.
""",
    "scene": """
One {weather} {time}, {who} was {at_place}.
One {weather} {time}, {who} went to {place}.
One {weather} {time}, {who} walked to {place} all alone.
On a {weather} {time}, {who} was playing {at_place}.
On a {weather} {time}, {who} came to {place}.
It was a {weather} {time}, and {who} was {at_place}.
It was a {weather} {time} when {who} came to {place}.
{who} went to {place} on a {weather} {time}.
{who} was {at_place} one {weather} {time}.
{who} spent a {weather} {time} {at_place}.
Our story begins {at_place}, where {who} was playing on a {weather} {time}.
{who} had come to {place}, and it was a {weather} {time}.
""",
    "own": """
{who} had {a_thing}.
{who} had brought {a_thing}.
{who} had brought {a_thing} from home.
{who} had come with {a_thing}.
{who} was carrying {a_thing}.
{who} held {a_thing} in {his} hands.
{who} never went anywhere without {a_thing}.
{who} had {a_thing} and liked it very much.
{who} had {a_thing}, a present from {his} grandmother.
{who} had {a_thing} and took good care of it.
{who} had been given {a_thing} for {his} birthday.
""",
    "like": """
{who} liked {likes}.
{who} loved {likes}.
{who} liked {likes} very much.
{who} liked {likes} more than anything else.
{who} said, "I like {likes}."
{who} said, "I really love {likes}."
{who} was very fond of {likes}.
{who} thought that {likes} were wonderful.
{who} often dreamed of {likes}.
{who} could talk about {likes} all day long.
There was nothing that {who} liked more than {likes}.
""",
    "want": """
{who} wanted {a_noun}.
{who} wished for {a_noun}.
{who} had always wanted {a_noun}.
{who} really wanted {a_noun} of {his} own.
{who} said, "I wish I had {a_noun}."
{who} said softly, "If only I had {a_noun}!"
{who} dreamed of having {a_noun}.
More than anything, {who} wanted {a_noun}.
For weeks {who} had been asking for {a_noun}.
What {who} wanted most was {a_noun}.
""",
    "get": """
Then {whose} grandmother came and gave {him} {a_thing}.
Just then {whose} father came by with {a_thing} for {him}.
{who} was surprised to get {a_thing} from {his} uncle.
{who} could hardly believe it when {his} mother handed {him} {a_thing}.
{whose} aunt came with a present, and it was {a_thing}.
At last {who} got {a_thing}.
The wish came true, because {who} got {a_thing} that very day.
{whose} grandfather had a surprise for {him}, {a_thing}.
{who} had waited a long time, and now {he} got {a_thing}.
{who} opened a present, and there was {a_thing} inside.
""",
    "friend": """
Then {who} met a {child} named {name}.
{who} met a {child} called {name}.
Soon a {child} named {name} came over.
A {child} named {name} came along and waved.
A {child} called {name} was there too.
There {who} made a new friend, a {child} named {name}.
Not far away {who} saw a {child} called {name}.
"Hello, my name is {name}," said a {child} with a big smile.
"Hi, I am {name}!" said a {child}.
A {child} walked up to {whom} and said, "My name is {name}."
A {child} named {name} wanted to play with {whom}.
Before long {who} and a {child} named {name} were talking like old friends.
""",
    "animal": """
Then {a_animal} came along.
Suddenly {a_animal} appeared.
{who} saw {a_animal}.
{a_animal} came up to {whom}.
{a_animal} was watching {whom}.
A little way off {who} saw {a_animal}.
Not far away was {a_animal}.
{who} heard a soft noise, and there was {a_animal}.
{who} turned around and saw {a_animal}.
{who} called out, "Look, {a_animal}!"
All of a sudden {a_animal} was right in front of {whom}.
""",
    "name_animal": """
{who} called the {animal} {name}.
{who} named the {animal} {name}.
{who} gave the {animal} the name {name}.
{who} said to the {animal}, "I will call you {name}."
{who} told the {animal}, "Your name is {name} now."
{who} looked at the {animal} and decided to call it {name}.
{who} thought that {name} was a good name for the {animal}.
The {animal} had no name, so {who} called it {name}.
{who} decided that the {animal} should be called {name}.
{who} whispered the name {name}, and the {animal} came closer.
""",
    "feed": """
{who} gave {pet} {a_food}.
{who} fed {pet} {a_food}.
{who} held out {a_food}, and {pet} ate it.
{who} shared {a_food} with {pet}.
{pet} was hungry, so {who} gave it {a_food}.
{pet} ate {a_food} out of {whose} hand.
{who} said, "Here you are," and gave {pet} {a_food}.
{who} had brought {a_food} and gave it to {pet}.
{who} put {a_food} on the ground for {pet}.
Soon {pet} was eating {a_food} that {who} had brought.
""",
    "pat": """
{who} patted {pet}.
{who} stroked {pet} gently.
{who} sat down next to {pet}.
{who} said hello to {pet}.
{who} told {pet} a secret.
{who} talked to {pet} for a while.
{pet} followed {whom} everywhere.
{pet} stayed close to {whom}.
{pet} looked at {whom} with big eyes.
{who} and {pet} had become good friends.
""",
    "flee": """
Suddenly {pet} was gone.
Then {pet} went away.
{pet} got a fright and disappeared.
A loud bang scared {pet} away.
{who} looked away for a moment, and then {pet} was gone.
When {who} looked up, {pet} had disappeared.
Without a sound {pet} slipped away.
All of a sudden {who} could not see {pet} anymore.
""",
    "return": """
After a while {pet} came back.
{pet} came back to {whom}.
{who} called, and {pet} came right back.
Then {who} saw that {pet} was back.
To {whose} surprise, {pet} came back.
{who} waited quietly until {pet} came back.
A soft sound told {whom} that {pet} was back.
In the end {pet} came back all by itself.
""",
    "gather": """
{who} found {n_items}.
{who} gathered {n_items}.
{who} collected {n_items}.
{who} looked around and found {n_items}.
{who} walked around and picked up {n_items}.
{who} was lucky and found {n_items}.
After a short search {who} had {n_items}.
{who} counted what {he} had found, and there were {n_items}.
{who} said, "Look, I have {n_items}!"
In a little while {who} had found {n_items}.
""",
    "more": """
{who} found {m} more, so now {he} had {total_items}.
{who} picked up {m} more and then had {total_items}.
Then {who} found {m} more, which made {total_items}.
{who} added {m} more and counted {total_items}.
With {m} more, {who} now had {total_items}.
{who} looked again and found {m} more, so {he} had {total_items} in all.
{who} said, "I found {m} more, so now I have {total_items}."
After finding {m} more, {who} had {total_items}.
""",
    "share": """
{who} gave {other} {m_items} and had {left} left.
{who} gave {m_items} to {other} and kept {left}.
{who} shared with {other}, giving away {m_items} and keeping {left}.
{other} got {m_items} from {whom}, who kept {left}.
{who} handed {m_items} to {other} and still had {left}.
{who} told {other}, "You can have {m_items}," and kept {left}.
{who} put {m_items} into {other}'s hands and kept {left}.
After giving {m_items} to {other}, {who} had {left} left.
""",
    "drop": """
{who} dropped {m_items} and had {left} left.
{who} lost {m_items} somewhere and had {left} left.
Oh no, {who} lost {m_items} and now had {left}.
{who} tripped and lost {m_items}, but {he} still had {left}.
{m_items} fell to the ground, and {who} had {left} left.
{who} was not careful, lost {m_items} and kept {left}.
When {who} counted again, {m_items} had gone missing and {left} remained.
""",
    "tally": """
Now {who} had {total_items}.
By now {who} had {total_items}.
So far {who} had {total_items}.
{who} counted carefully and had {total_items}.
{who} counted and saw that {he} had {total_items}.
{who} said, "I have {total_items} now."
{who} had {total_items} to take home.
In all, {who} had {total_items}.
""",
    "compare": """
Now {who} had {total_items} and {other} had {other_count}.
{who} counted {total_items}, and {other} counted {other_count}.
So {who} had {total_items}, while {other} had {other_count}.
When they counted, {who} had {total_items} and {other} had {other_count}.
{who} had {total_items} by then, and {other} had {other_count}.
{who} said to {other}, "I have {total_items}, and you have {other_count}."
""",
    "give": """
{who} gave the {thing} to {other}.
{who} gave {other} the {thing}.
{who} handed the {thing} to {other} to keep.
{who} let {other} have the {thing}.
{who} gave the {thing} to {other} as a present.
{who} said to {other}, "You can have my {thing}."
{who} said to {other}, "This {thing} is for you."
{who} wanted to be kind and gave {other} the {thing}.
{who} thought for a moment and then gave the {thing} to {other}.
{other} liked the {thing} so much that {who} said, "You can keep it."
{other} got the {thing} from {whom}.
""",
    "thank": """
"Thank you, {other}," said {who}.
"Thank you so much, {other}," said {who} happily.
{who} thanked {other}.
{who} thanked {other} many times.
{who} gave {other} a big hug to say thank you.
"You are a good friend, {other}," said {who}.
{who} smiled at {other} and said thank you.
"That was very kind of you, {other}," said {who}.
""",
    "swap": """
{who} swapped the {thing} for {other}'s {thing2}.
{who} gave {other} the {thing} and got the {thing2} for it.
{who} gave away the {thing} and got {other}'s {thing2} in return.
{who} asked, "Shall we swap?" and gave {other} the {thing} for the {thing2}.
{who} traded {his} {thing} for the {thing2} that {other} had.
{who} took the {thing2}, and {other} took the {thing} in return.
They made a trade, so {who} got the {thing2} and {other} got the {thing}.
{who} liked {other}'s {thing2} and traded the {thing} for it.
""",
    "lose": """
Then {who} lost the {thing}.
Suddenly {who} could not find the {thing} anymore.
Oh no, {who} had lost the {thing}.
{who} cried, "Where is my {thing}?"
{who} looked around, but the {thing} was gone.
{who} put the {thing} down and forgot where it was.
Then {whose} {thing} was nowhere to be seen.
{who} reached for the {thing}, but it was not there.
{who} wanted the {thing}, but could not find it.
{who} must have dropped the {thing}, because it was gone.
""",
    "seek": """
{who} looked everywhere for the {thing}.
{who} searched and searched for the {thing}.
{who} looked high and low for the {thing}.
{who} looked here and there for the {thing}.
{who} said, "I will find the {thing}."
{who} spent a long time looking for the {thing}.
{who} got down on {his} knees to look for the {thing}.
{who} walked up and down, looking for the {thing}.
But {who} could not see the {thing} anywhere.
""",
    "find_own": """
At last {who} found the {thing} {spot}.
{who} found the {thing} {spot}.
There, {spot}, {who} saw the {thing} again.
The {thing} was {spot}, and {who} cried, "There it is!"
The {thing} was lying {spot}, and {who} picked it up.
After a long time {who} found the {thing} {spot}.
{who} looked once more and found the {thing} {spot}.
{who} had almost given up when {he} saw the {thing} {spot}.
""",
    "find_other": """
{who} found the {thing} {spot} and gave it back to {other}.
At last {who} found the {thing} {spot} and brought it to {other}.
{who} found the {thing} {spot} and said to {other}, "Here it is!"
{who} saw the {thing} {spot} and returned it to {other}.
The {thing} was {spot}, and {who} took it back to {other}.
{who} looked {spot}, found the {thing} and gave it back to {other}.
{who} spotted the {thing} {spot} and ran to give it to {other}.
{other} got the {thing} back, because {who} had found it {spot}.
""",
    "break": """
Then {whose} {thing} broke.
Oh no, {who} broke the {thing}.
{who} fell, and the {thing} broke.
{who} dropped the {thing}, and it broke.
There was a crack, and {whose} {thing} was broken.
{who} stepped on the {thing} by mistake and broke it.
The {thing} broke in {whose} hands.
{who} was not careful, and the {thing} broke.
""",
    "mend_own": """
{who} fixed the {thing}.
{who} mended the {thing} with some glue.
{who} worked hard until the {thing} was whole again.
{who} took {his} time and mended the {thing}.
{who} sat down and repaired the {thing}.
{who} did not give up and fixed the {thing}.
It took a while, but {who} mended the {thing}.
{who} found a way to make the {thing} as good as new.
""",
    "mend_other": """
{who} fixed the {thing} for {other}.
{who} mended the {thing} and gave it back to {other}.
{who} said, "I can fix it," and soon {other}'s {thing} was whole again.
{who} repaired {other}'s {thing} with some glue.
{who} helped {other} and fixed the {thing}.
Little by little {who} fixed {other}'s {thing}.
{who} worked hard and mended the {thing} for {other}.
{other} watched while {who} repaired the {thing}.
""",
    "paint": """
{who} painted the {thing} {colour}.
{who} took a brush and painted the {thing} {colour}.
{who} wanted a new colour, so {he} painted the {thing} {colour}.
With great care {who} painted the {thing} {colour}.
{who} opened a pot of paint and made the {thing} {colour}.
{who} said, "I will paint my {thing} {colour}," and did it at once.
{who} thought that the {thing} would look better in {colour} and painted it.
A little later {who} had painted the {thing} {colour}.
""",
    "play_alone": """
{who} played with the {thing}.
{who} played with the {thing} for a long time.
{who} had fun with the {thing}.
{who} spent an hour playing with the {thing}.
{who} laughed and played with the {thing}.
{who} made up a game with the {thing}.
For a while {who} played with the {thing}.
{who} could not stop playing with the {thing}.
""",
    "play_together": """
{who} and {other} played with the {thing}.
{who} and {other} had fun with the {thing}.
{who} and {other} took turns with the {thing}.
{who} said to {other}, "Let us play with my {thing}!"
{who} let {other} play with the {thing} for a while.
{who} asked {other} to play, and they had fun with the {thing}.
With the {thing}, {who} and {other} made up a new game.
{who} played with the {thing}, and {other} joined in.
""",
    "show": """
{who} showed {other} the {thing}.
{who} showed the {thing} to {other}.
{who} said to {other}, "Look at my {thing}!"
{who} held up the {thing} so that {other} could see it.
{who} let {other} have a look at the {thing}.
{other} asked to see the {thing}, and {who} held it up.
{other} looked at {whose} {thing} with wide eyes.
{who} told {other} all about the {thing}.
""",
    "recall": """
Now {who} had the {thing}.
The {thing} belonged to {whom}.
The {thing} was in {whose} hands.
{who} held the {thing} tightly.
{who} kept the {thing} close.
{who} had the {thing} with {him}.
{who} kept an eye on the {thing}.
{who} was holding the {thing}.
{who} took good care of the {thing}.
""",
    "go": """
Then {all} went to {place}.
After that {all} went to {place}.
Later {all} walked to {place}.
{all} ran all the way to {place}.
{all} took the path to {place}.
{all} decided to go to {place}.
It was not far to {place}, so {all} walked there.
Next {all} went for a walk to {place}.
A narrow path led to {place}, and {all} followed it.
{all} followed the road to {place}.
""",
    "weather": """
Then {change}.
Soon {change}.
After a while {change}.
Suddenly {change}.
Just then {change}.
Before long {change}.
A moment later {change}.
{who} stopped for a moment, because {change}.
{who} noticed that {change}.
Nobody had expected it, but {change}.
""",
    "feel_calm": """
{who} felt calm.
Now {who} felt calm again.
{who} sat quietly and watched the sky.
{who} took a deep breath and smiled.
{who} thought that it was a good day after all.
{who} hummed quietly.
""",
    "feel_happy": """
{who} was very happy.
{who} felt happy.
{who} laughed out loud.
{who} jumped for joy.
{who} clapped {his} hands and smiled.
{who} was so happy that {he} danced.
{who} said, "What a wonderful day!"
A big smile lit up {whose} face.
{who} had not been so happy for a long time.
""",
    "feel_sad": """
{who} was very sad.
{who} felt sad.
{who} began to cry.
{who} hung {his} head.
Tears rolled down {whose} cheeks.
{who} sat down and cried quietly.
{who} was so sad that {he} did not say a word.
{who} said, "I feel so sad."
""",
    "feel_scared": """
{who} was very scared.
{who} felt scared.
{who} was shaking with fear.
{who} did not dare to move.
{whose} heart was beating fast with fear.
{who} whispered, "I am scared."
{who} covered {his} eyes.
""",
    "feel_tired": """
{who} was still very tired.
{who} still felt tired.
{who} could hardly keep {his} eyes open.
{who} yawned again and again.
{who} said, "I am so tired."
{whose} legs were heavy.
""",
    "feel_hungry": """
{who} was still very hungry.
{who} still felt hungry.
{whose} tummy made a loud noise.
{who} could think only of food.
{who} said, "I really need something to eat."
{whose} tummy felt empty.
""",
    "feel_proud": """
{who} was very proud.
{who} felt proud.
{who} stood up tall.
{who} said, "I did it!"
{who} smiled from ear to ear, feeling proud.
{who} was proud of what {he} had done.
{who} was proud of such good work.
""",
    "hungry": """
After a while {who} was hungry.
{who} got hungry.
{whose} tummy rumbled, because {he} was hungry.
{who} said, "I am hungry."
By now {who} was very hungry.
All the fresh air made {whom} hungry.
{who} suddenly noticed that {he} was hungry.
""",
    "eat": """
{who} ate {a_food}.
{who} sat down and ate {a_food}.
{who} took out {a_food} and ate it.
{who} was glad to eat {a_food}.
{who} ate {a_food} and felt much better.
Luckily {who} had {a_food} to eat.
{who} bit into {a_food}.
{who} had brought {a_food} and ate it up.
With a big smile {who} ate {a_food}.
A kind lady gave {whom} {a_food} to eat.
""",
    "tired": """
After a while {who} was tired.
{who} got tired.
{who} had not slept well and was tired.
{who} said, "I need a rest."
{who} yawned, because {he} was tired by now.
{who} needed a rest, because {he} was tired.
{who} rubbed {his} eyes, because {he} was tired.
""",
    "rest": """
{who} lay down and took a nap.
{who} sat down and rested for a while.
{who} closed {his} eyes and slept for a while.
{who} rested until {he} felt fresh again.
After a short nap {who} felt much better.
{who} found a quiet spot and had a little sleep.
{who} had a good long rest.
""",
    "scare": """
A loud noise scared {whom}.
Suddenly {who} heard a loud noise and got scared.
Something moved close by, and {who} was frightened.
{who} saw a strange shadow and was frightened.
There was a loud crash, and {who} jumped in fright.
{who} heard a strange sound and was afraid.
A sudden bang gave {whom} a fright.
""",
    "comfort": """
{who} gave {other} a hug.
{who} gave {other} a hug, and that helped a lot.
{who} said to {other}, "Everything will be all right."
{who} said to {other}, "Do not worry, I am here."
{who} took {other} by the hand.
{who} put an arm around {other}.
{who} told {other} a joke, and both of them laughed.
{who} comforted {other}.
{who} cheered {other} up with a funny story.
""",
    "game": """
Then {all} played {game}.
{all} played {game}.
{all} played {game} for a long time.
{all} spent the next hour playing {game}.
{all} had a lot of fun playing {game}.
Nobody wanted to stop when {all} played {game}.
For a while {all} played {game}.
""",
    "sing": """
{who} sang a {song}.
{who} sang a {song} in a soft voice.
{who} began to sing a {song}.
{who} sang {his} favourite {song}.
{who} knew an old {song} and sang it.
In a clear voice {who} sang a {song}.
{who} sang a little {song}.
{who} made up a {song} and sang it.
""",
    "close": """
In the end, {who} went home and felt {mood}.
At the end of the day, {who} went home and was {mood}.
When it got dark, {who} went home, {mood} after such a day.
Then it was time to go home, and {who} was {mood}.
That night {who} went to bed and felt {mood}.
And so the day ended, and {who} was {mood}.
{who} walked home, feeling {mood}.
Then the day was over, and {who} went home feeling {mood}.
At home {who} told {his} mother about the day and said that {he} felt {mood}.
{who} lay in bed that night and felt {mood}.
The stars came out, and {who} went home, feeling {mood}.
This is how the day ended, with {who} feeling {mood}.
""",
}
WORDINGS = {kind: lines.strip().split("\n") for kind, lines in _WORDINGS.items()}


def a(word):
    """The word with its indefinite article."""
    return ("an " if word[0] in "aeiou" or word.startswith("hon") else "a ") + word


# Phrases: how the parts of a slot come together.
def trait(t):
    return a(TRAITS[t])


def thing(colour, noun):
    return f"{COLOURS[colour]} {THINGS[noun]}"


def a_thing(colour, noun):
    return a(thing(colour, noun))


def a_noun(noun):
    return a(THINGS[noun])


def a_animal(manner, kind):
    return a(f"{MANNERS[manner]} {ANIMALS[kind][0]}")


def animal(kind):
    return ANIMALS[kind][0]


def the_animal(kind):
    return f"the {ANIMALS[kind][0]}"


def a_food(food):
    return a(FOODS[food][0])


def likes(i):
    return (FOODS + ANIMALS)[i][1]


def count(n, item):
    return f"{NUMBERS[n]} {ITEMS[item][n != 1]}"


def item(i):
    return ITEMS[i][1]


def number(n, item):
    return NUMBERS[n]


def place(i):
    return PLACES[i][1]


def at_place(i):
    return " ".join(PLACES[i])


def join(names):
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def they(genders):
    return "they"


SENTENCE_END = r'[.!?]"?(?= ["A-Z]|$)'
