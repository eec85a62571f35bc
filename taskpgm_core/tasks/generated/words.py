"""The small vocabularies that the generators draw from."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ANIMALS = _words(
    """ant bear camel cat cow crab deer dog duck eagle fox frog goat goose hare horse lion lizard
    monkey mouse otter owl panda parrot pig rabbit seal shark sheep snake spider swan tiger
    turtle whale wolf zebra"""
)
FOODS = _words(
    """apple banana bean bread butter carrot cheese cherry corn fig garlic grape honey jam leek
    lemon lentil lime mango melon nut olive onion orange pasta peach pear pepper plum potato
    rice salad soup spinach sugar tomato yogurt"""
)
TOOLS = _words(
    """axe brush chisel drill file hammer knife ladder lever nail needle pliers rake ruler saw
    scissors screw shovel spade spanner tape vice wrench"""
)
VEHICLES = _words(
    """bicycle boat bus canoe car ferry jeep lorry plane rocket scooter ship sled tractor train
    tram truck van yacht"""
)
COLOURS = _words("""black blue brown gold green grey orange pink purple red silver white yellow""")
NAMES = _words(
    """Ada Ali Amir Anna Ben Carl Chen Clara Dan Dora Ella Emil Eva Finn Grace Hana Hugo Ines
    Ivan Jack Jane Kofi Lena Leo Lucy Maria Max Mia Nina Noah Omar Paul Rosa Ruth Sam Sara Tom
    Uma Vera Yuki"""
)
CITIES = _words(
    """Athens Berlin Boston Cairo Chicago Dakar Delhi Dublin Geneva Hanoi Lagos Lima Lisbon
    London Madrid Milan Moscow Mumbai Nairobi Oslo Paris Prague Quito Rome Seoul Sydney Tokyo
    Toronto Vienna Warsaw"""
)
NUMBERS = _words("zero one two three four five six seven eight nine ten")
