"""A row of the combinations as a config file: `config.py:two,2,all,plain,float32,none,ema,adam`."""

from tests.combinations.network import Row, make_config


def get_config(arg):
    """The config of a row whose words are joined by commas."""
    return make_config(Row.parse(arg.replace(",", " ")))
