"""The function libraries: one row for each promise, the answers are Go's."""

from datetime import UTC, datetime
from random import Random

import pytest

from sonde.gotemplate import TemplateError, functions, parse
from sonde.gotemplate.functions import names

HOST = functions.Host(
    env={"REGION": "eu-west-1", "KEY_FILE": "secret.txt"},
    now=lambda: datetime(2024, 2, 29, 12, 30, 45, tzinfo=UTC),
    random=Random(7),
)
DATA = {"l": ["b", "a", None, 2.5], "m": {"a": 1, "c": {"d": "x"}}, "n": 3, "uni": "héllo"}
OUTPUTS = {
    # strings, by bytes where Go counts bytes
    "{{ trunc 2 .uni }}": "h\ufffd",
    "{{ substr 0 3 .uni }}{{ len .uni }}": "hé6",
    '{{ snakecase "HTTPServer2Go" }} {{ kebabcase "FirstName" }} {{ camelcase "http_server" }}': "http_server2_go first-name HttpServer",
    '{{ wrap 5 "Hello World" }}|{{ abbrev 8 "hello world" }}': "Hello\nWorld|hello...",
    "{{ quote .l .n }} {{ squote 1.5 }}": '"[b a <nil> 2.5]" "3" \'1.5\'',
    '{{ join "-" .l }} {{ sortAlpha .l }}': "b-a-2.5 [2.5 a b]",
    # numbers
    '{{ add 1 "2" 3.9 }} {{ div 7 2 }} {{ mod -7 3 }} {{ int "3.7" }} {{ toDecimal 777 }}': "6 3 -1 3 511",
    '{{ printf "%T %T %T" (add 1 2) (until 2) (split "," "a") }}': "int64 []int map[string]string",
    "{{ addf 0.1 0.2 }} {{ divf 1 3 }} {{ round 2.5 0 }} {{ seq 0 2 6 }}": "0.3 0.3333333333333333 3 0 2 4 6",
    # lists and maps
    "{{ has 3 (list 3.0) }} {{ uniq (list 1 1 2) }} {{ chunk 2 .l }}": "false [1 2] [[b a] [<nil> 2.5]]",
    '{{ merge (dict "a" "" "b" 1) (dict "a" "x" "b" 2) }} {{ dig "c" "d" "?" .m }}': "map[a:x b:1] x",
    '{{ mergeOverwrite (dict "a" 1) (dict "a" "") | toJson }}': '{"a":""}',
    '{{ toJson (dict "h" "<&>" "f" 1e21 "n" nil) }}': '{"f":1e+21,"h":"\\u003c\\u0026\\u003e","n":null}',
    '{{ (fromJson "[1, 2.5]") | printf "%T%v" (index (fromJson "[1]") 0) }}': "float64[1 2.5]",
    # regular expressions are Go's
    '{{ regexReplaceAll "a*" "baac" "-" }} {{ regexFindAll "x*" "axb" -1 }}': "-b-c- [ x ]",
    '{{ regexReplaceAll "(?P<y>l+)" "hello" "<${y}$1x>" }} {{ regexMatch "o$" "o\\n" }}': "he<ll>o false",
    '{{ regexFind `\\p{Lu}[[:digit:]]` "aÉ5" }}': "É5",
    # versions, URLs, times
    '{{ semverCompare "^1.2 || ~3.1.0" "3.1.9" }} {{ (semver "v1.2.3-rc.1").IncMinor }}': "true 1.3.0",
    '{{ (urlParse "https://u:p@h:1/p?q#f").hostname }}{{ urlJoin (dict "scheme" "s" "host" "h" "path" "p") }}': "hs://h/p",
    '{{ now | date "2006-01-02T15:04:05Z07:00 Mon Jan _2 3PM .000" }}': "2024-02-29T12:30:45Z Thu Feb 29 12PM .000",
    '{{ (toDate "2006-01-02" "2024-03-01").Weekday }} {{ durationRound "90m" }} {{ duration "3661" }}': "Friday 1h 1h1m1s",
    '{{ dateInZone "15:04 MST" (toDate "15:04" "10:30") "UTC" }}': "10:30 UTC",
    # gomplate below sprig
    '{{ strings.Title "foo bar" }} {{ strings.Indent 2 "-" "a\\n\\nb" }} {{ conv.ToBool "yes" }}': "Foo Bar --a\n\n--b true",
    '{{ coll.Merge (dict "a" 1) (dict "a" 2 "b" 3) }} {{ coll.JSONPath "..d" .m }} {{ math.Pow 2 10 }}': "map[a:1 b:3] x 1024",
    '{{ data.YAML "a: 0o17\\nb: yes\\nc: {<<: {x: 1}}" }}': "map[a:15 b:yes c:map[x:1]]",
    '{{ toYAML (dict "a" "yes" "b" (list 1 (dict "c" "x\\ny\\n")) "k2" 1.0 "k10" nil "e" "") }}': (
        'a: "yes"\nb:\n  - 1\n  - c: |\n      x\n      y\ne: ""\nk2: 1\nk10: null\n'
    ),
    '{{ toJSON (list 2.0 0.5) }} {{ csvByRow "a,b\\n1,\\"2,3\\"" }} {{ toTOML (dict "a" (dict "b" 1)) }}': (
        "[2.0,0.5] [map[a:1 b:2,3]] [a]\n  b = 1\n"
    ),
    '{{ (time.ParseDuration "90m").Hours }} {{ filepath.Rel "/a/b" "/a/c/d" }} {{ path.Match "*.y?" "a.yml" }}': "1.5 ../c/d false",
    '{{ getenv "REGION" }} {{ env "REGION" }} {{ uuidv4 | len }}': "eu-west-1 eu-west-1 36",
    "{{ collectKeys .m }}": "[a c]",
}
ERRORS = {
    '{{ fail "boom" }}': "error calling fail: boom",
    "{{ until (add 1 2) }}": "wrong type for value; expected int; got int64",
    '{{ first "s" }}': "error calling first: Cannot find first on type string",
    '{{ mustRegexMatch "a(" "x" }}': "error parsing regexp: missing closing ): `a(`",
    '{{ regexFind "a**" "x" }}': "invalid nested repetition operator: `**`",
    '{{ regexFind "(?=x)" "x" }}': "invalid or unsupported Perl syntax: `(?=`",
    '{{ net.CIDRHost 1 "10.0.0.0/8" }}': "experimental function, but experimental mode not enabled",
    '{{ net.LookupIP "example.com" }}': "no access to the network",
    '{{ ds "x" }}': "Undefined datasource 'x'",
    '{{ genPrivateKey "rsa" }}': "genPrivateKey is not available",
    '{{ file.Read "x" }}': "no access to files",
    '{{ csv "a,b\\n1" }}': "record on line 2: wrong number of fields",
    '{{ set nil "a" 1 }}': "assignment to entry in nil map",
}
TABLE = {**functions.all(HOST), "collectKeys": functions.collect_keys}


@pytest.mark.parametrize("text", OUTPUTS)
def test_a_function_answers_as_in_go(text):
    assert parse(text, name="t", functions=TABLE).render(DATA) == OUTPUTS[text]


@pytest.mark.parametrize("text", ERRORS)
def test_a_function_refuses_with_gos_words(text):
    with pytest.raises(TemplateError) as caught:
        parse(text, name="t", functions=TABLE).render(DATA)
    assert ERRORS[text] in caught.value.message


@pytest.mark.parametrize(
    "text",
    ['{{ env "HOME" }}', "{{ now }}", "{{ randInt 1 9 }}", '{{ file.Read "x" }}', "{{ uuid.V1 }}", '{{ getenv "A" }}'],
)
def test_without_a_host_the_world_is_closed(text):
    with pytest.raises(TemplateError, match="templates have no access to"):
        parse(text, name="t", functions=functions.all()).render({})


def test_files_are_read_and_written_only_through_the_hosts_folder(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    table = functions.gomplate(functions.Host(env={"KEY_FILE": "a.txt"}, base=tmp_path))
    text = '{{ file.Read "a.txt" }} {{ file.Exists "b" }}{{ file.Write "sub/b" "x" }} {{ file.ReadDir "." }} {{ getenv "KEY" }}'
    assert parse(text, name="t", functions=table).render({}) == "hello false [a.txt sub] hello"
    with pytest.raises(TemplateError, match="outside of the base folder"):
        parse('{{ file.Write "../b" "x" }}', name="t", functions=table).render({})


@pytest.mark.parametrize(
    ("index", "table"), [(names.SPRIG, functions.sprig(HOST)), (names.GOMPLATE, functions.gomplate(HOST))]
)
def test_the_index_of_names_is_what_the_libraries_hold(index, table):
    for library, listed in index.items():
        for name in listed.split():
            assert table[name] is not None
        module = __import__(f"sonde.gotemplate.functions.{library}", fromlist=["table"])
        assert set(module.table(HOST)) == set(listed.split())


def test_sprig_wins_over_gomplate_and_the_caller_over_both():
    assert parse('{{ title "abc DEF" }}', name="t", functions=functions.gomplate()).render({}) == "Abc Def"
    assert parse('{{ title "abc DEF" }}', name="t", functions=functions.all()).render({}) == "Abc DEF"
    mine = {**functions.all(), "title": lambda text: f"<{text}>"}
    assert parse('{{ title "abc" }}', name="t", functions=mine).render({}) == "<abc>"
