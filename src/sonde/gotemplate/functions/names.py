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
GOMPLATE: Final[dict[str, str]] = {}
