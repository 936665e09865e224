"""Which library module holds which function, so that a name can be checked without loading the library."""

from typing import Final

SPRIG: Final[dict[str, str]] = {
    "sprig_crypto": (
        "bcrypt buildCustomCert decryptAES derivePassword encryptAES genCA genCAWithKey genPrivateKey "
        "genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey htpasswd randAlpha "
        "randAlphaNum randAscii randBytes randNumeric uuidv4"
    ),
    "sprig_dates": (
        "ago date dateInZone dateModify date_in_zone date_modify duration durationRound htmlDate htmlDateInZone "
        "mustDateModify mustToDate must_date_modify now toDate unixEpoch"
    ),
    "sprig_defaults": (
        "all any coalesce deepEqual default empty fail fromJson kindIs kindOf mustFromJson mustToJson "
        "mustToPrettyJson mustToRawJson ternary toJson toPrettyJson toRawJson typeIs typeIsLike typeOf"
    ),
    "sprig_dicts": (
        "deepCopy dict dig get hasKey keys merge mergeOverwrite mustDeepCopy mustMerge mustMergeOverwrite omit "
        "pick pluck set unset values"
    ),
    "sprig_encoding": (
        "adler32sum b32dec b32enc b64dec b64enc base clean dir env expandenv ext getHostByName isAbs osBase "
        "osClean osDir osExt osIsAbs sha1sum sha256sum sha512sum urlJoin urlParse"
    ),
    "sprig_lists": (
        "append chunk compact concat first has initial last list mustAppend mustChunk mustCompact mustFirst "
        "mustHas mustInitial mustLast mustPrepend mustPush mustRest mustReverse mustSlice mustUniq mustWithout "
        "prepend push rest reverse slice tuple uniq without"
    ),
    "sprig_math": (
        "add add1 add1f addf atoi biggest ceil div divf float64 floor int int64 max maxf min minf mod mul mulf "
        "randInt round seq sub subf toDecimal until untilStep"
    ),
    "sprig_regex": (
        "mustRegexFind mustRegexFindAll mustRegexMatch mustRegexReplaceAll mustRegexReplaceAllLiteral "
        "mustRegexSplit regexFind regexFindAll regexMatch regexQuoteMeta regexReplaceAll regexReplaceAllLiteral "
        "regexSplit"
    ),
    "sprig_semver": "semver semverCompare",
    "sprig_strings": (
        "abbrev abbrevboth camelcase cat contains hasPrefix hasSuffix hello indent initials join kebabcase lower "
        "nindent nospace plural quote repeat replace shuffle snakecase sortAlpha split splitList splitn squote "
        "substr swapcase title toString toStrings trim trimAll trimPrefix trimSuffix trimall trunc untitle upper "
        "wrap wrapWith"
    ),
}
GOMPLATE: Final[dict[str, str]] = {
    "gomplate_coll": "append coll dict flatten has jsonpath keys merge prepend reverse slice sort uniq values",
    "gomplate_conv": "assert bool conv default fail isKind join kind required ternary test urlParse",
    "gomplate_data": (
        "csv csvByColumn csvByRow data datasource datasourceExists datasourceReachable defineDatasource ds include "
        "json jsonArray listDatasources toCSV toJSON toJSONPretty toTOML toYAML toml yaml yamlArray"
    ),
    "gomplate_encoding": "base64 crypto filepath path regexp",
    "gomplate_math": "add div math mul pow rem seq sub",
    "gomplate_strings": (
        "contains hasPrefix hasSuffix indent quote replaceAll shellQuote split splitN squote strings title toLower "
        "toUpper trim trimSpace"
    ),
    "gomplate_time": "time",
    "gomplate_world": "aws ec2dynamic ec2meta ec2region ec2tag ec2tags env file gcp getenv net random sockaddr uuid",
}
