"""What each code stands for, how to resolve it, and where the condition is from.

docs/codes.md is generated from this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agreements.decision.domain.codes.names import Code


@dataclass(frozen=True, slots=True)
class Meaning:
    condition: str
    """What must hold; the code says that it does not."""
    remedy: str
    """What would make it hold."""
    source: str
    """Where the rule comes from, in words: what is public explains itself."""


MEANINGS: Mapping[Code, Meaning] = {
    Code.AGREEMENT_NOT_FOUND: Meaning(
        "The agreement exists, and the caller's organisation is one of its parties",
        "Ask under an agreement that names your organisation in its version in force.",
        "What a caller may not know of is answered as what does not exist",
    ),
    Code.CLOCK_UNTRUSTED: Meaning(
        "The legal clock is not behind the last logged decision",
        "An operator has to set the clock right; nothing is decided until then.",
        "Legal time never goes back",
    ),
    Code.SEAL_BROKEN: Meaning(
        "The recorded facts are those that this service recorded and sealed",
        "An operator has to find out who wrote into the named register of the database, put back"
        " what was there, and have it compared with the audit log (`agreements seal`). After an"
        " upgrade that command has to be run once.",
        "Facts count only as this service recorded them",
    ),
    Code.ATTESTATION_INVALID: Meaning(
        "The haven vouches for the file, and the file is the one that the permit allowed",
        "Have the extract prepared again under a new permit.",
        "A release rests on what the safe haven signed",
    ),
    Code.CLAUSE_UNKNOWN: Meaning(
        "Every clause of the line can be evaluated",
        "Amend the agreement: this version of the service cannot judge the named clause.",
        "A clause that nobody can judge denies",
    ),
    Code.FACT_MISSING: Meaning(
        "Every fact that a clause needs is recorded",
        "Have the named fact recorded.",
        "A fact that is missing denies",
    ),
    Code.DSFC_NOT_IN_FORCE: Meaning(
        "Every controller has a framework contract in force today, itself or by a transfer",
        "The named controller signs a framework contract, or leaves the agreement by amendment.",
        "DSfC programme page: no release without contract and agreement; DARS Standard 1b, "
        "Data Controllers: the exact legal entity",
    ),
    Code.INSTRUCTION_NOT_SIGNED: Meaning(
        "Where the Body is the commissioner itself, two people of it, of two roles, signed an"
        " internal instruction that is in force today",
        "A contract manager and an approver of the Body, two people, sign an internal instruction"
        " for the agreement (`/v1/internal-instructions`).",
        "NHS England is the commissioner and the Body at once since 2023-02-01, and makes no"
        " contract with itself",
    ),
    Code.DSA_NOT_ACTIVE: Meaning(
        "The agreement is active today, and everybody it names has signed",
        "The named party signs; or a renewal comes into force.",
        "DARS Standard 1, Term of Data Sharing Agreement v2.1: not in effect until all named "
        "parties have signed",
    ),
    Code.LINE_NOT_IN_DSA: Meaning(
        "The version in force has a line of this purpose, data set and classification",
        "Ask for a line that the agreement has, or amend it.",
        "DSfC programme page: one agreement for each data flow and purpose",
    ),
    Code.PERIOD_NOT_IN_DSA: Meaning(
        "Every period lies inside the line's",
        "Leave out the named period, or amend the line.",
        "DARS Standard 3, Data Minimisation: each data set and year is justified",
    ),
    Code.FIELD_NOT_IN_DSA: Meaning(
        "Every column is a field of the line",
        "Leave out the named field, or amend the line.",
        "DARS Standard 3, Data Minimisation: each field is justified",
    ),
    Code.DIMENSION_NOT_IN_DSA: Meaning(
        "Each column that a table is cut by is a field of the line",
        "Ask without the named column, or amend the agreement to list it.",
        "DARS Standard 3, Data Minimisation: what is tabulated is what was asked for",
    ),
    Code.DIMENSION_UNSUITABLE: Meaning(
        "Each column that a table is cut by has categories, and lies whole in the coarser one that"
        " is named after it",
        "Cut by a code, an age band, an area or a period; name coarser levels as the catalogue"
        " nests them.",
        "Totals of a hierarchy are sums of whole categories",
    ),
    Code.GROUP_UNKNOWN: Meaning(
        "What is counted of a data set that is supplied in groups is of one of these",
        "Name the group before the measure, as in `Referrals.records`.",
        "A number of records says nothing where it is not said of which",
    ),
    Code.SEVERAL_GROUPS: Meaning(
        "All measures of a table are of one group",
        "Ask for a table of each group.",
        "Rows of two groups are not the same records, and are printed in no common line",
    ),
    Code.ROLE_NOT_IN_GROUP: Meaning(
        "People are counted of a group whose rows name people in that role",
        "Count the group's records, or people of a group that names them.",
        "Of rows about nobody nobody is counted; second people are in groups that name two",
    ),
    Code.JOIN_FANS_OUT: Meaning(
        "Each column that a table is cut by is of the group that is counted, or of one to one row"
        " of which each of its rows belongs",
        "Count the rows of the named column's group, or cut by columns of what the counted rows"
        " belong to.",
        "Joined with several rows, a record would be counted more than once",
    ),
    Code.AS_PUBLISHED_NOT_IN_DSA: Meaning(
        "Tables are by the disclosure rule alone only where the line says why",
        "Ask for the profile `protected`, or have the line approved with a reason.",
        "Under the rule alone, small numbers can be worked out of others",
    ),
    Code.PRACTICE_LEVEL_NOT_IN_DSA: Meaning(
        "Numbers of single practices are given only where the line says why",
        "Ask without the named column, or amend the agreement to say why it is needed.",
        "DSfC data catalogue: output at practice level is set in the application",
    ),
    Code.FILTER_COLUMN_UNKNOWN: Meaning(
        "Every filter is on a column of the line's version of the data set",
        "Name a column that the catalogue has, or leave the filter out.",
        "DARS Standard 3, Data Minimisation: filters are geographic, demographic and clinical",
    ),
    Code.FILTER_OVER_GROUPS: Meaning(
        "Every filter chooses rows of each group that is asked for: its column is of that group,"
        " or of what each of its rows belongs to",
        "Leave the other groups out, or filter them by the same column of their own.",
        "A row of one group says nothing of the rows of another, but where these belong to it",
    ),
    Code.FILTER_COLUMN_NOT_IN_DSA: Meaning(
        "Every filter is on a column that the line lists as it is or derived",
        "Filter by a column that the line lists in such a form, or amend the line.",
        "What a filter lets through tells of every row what the column would tell",
    ),
    Code.FILTER_EMPTY: Meaning(
        "Every filter asks for at least one value, or for a range that a number can lie in",
        "Name values, or bounds in order; without the filter all rows are meant.",
        "An empty list is said to be empty and is never taken for everything",
    ),
    Code.FILTER_UNSUITABLE: Meaning(
        "A number is filtered by bounds, everything else by a list of values",
        "Use `at_least` and `at_most` for a number, `any_of` for codes and texts.",
        "DSfC data catalogue: the type of the column",
    ),
    Code.FILTER_CODE_UNKNOWN: Meaning(
        "Every value of a filter is one that the column can have, by the line's version",
        "Name values that the catalogue lists for the column.",
        "DSfC data catalogue: codes and patterns of the column",
    ),
    Code.FILTER_NOT_IN_DSA: Meaning(
        "Nothing is asked for, or is in the file, that a filter of the line leaves out",
        "Ask for values within the line's filter, or amend the line; have the file prepared again.",
        "DARS Standard 3, Data Minimisation: a line says which rows it is about",
    ),
    Code.FORM_NOT_ALLOWED: Meaning(
        "The form is allowed for the purpose and for where the data land",
        "Choose a less identifying form of the named field or line.",
        "Approvals CAG 7-04(a) and 7-07/2013; NHS England's pages on risk stratification and "
        "invoice validation; ICO anonymisation code for commissioning",
    ),
    Code.DATA_SET_NOT_FOR_PURPOSE: Meaning(
        "The data set is there for the purpose of the line",
        "Ask for another data set for this purpose, or for this one for the purpose that it has.",
        "Approval CAG 7-04(a)/2013: the GP record is sent for risk stratification",
    ),
    Code.IDENTITY_NOT_FOR_RECIPIENT: Meaning(
        "Every controller of a line with identity is of a kind that may have the data set so, by"
        " the line's route and for its population",
        "Ask for the data set without identity; a local authority names the statute as its route.",
        "Statistics and Registration Service Act 2007 s42(4); HSCA 2012 s261(5)(d)",
    ),
    Code.IDENTITY_WITHOUT_ROUTE: Meaning(
        "A column leaves as people's identity by a legal route that the data set names, to"
        " controllers whom a rule of the data set gives it",
        "Leave out the named field; the data set is to be had without it by any route.",
        "Statistics and Registration Service Act 2007 s42(4); HSCA 2012 s261(5)(d)",
    ),
    Code.FIELD_HIDDEN_FOR_PURPOSE: Meaning(
        "No column leaves that the purpose never gets",
        "Leave out the named field; the refusal says which form to choose in its place.",
        "NCDR reference library: fields of location, of exact age and of the place of an injury",
    ),
    Code.LINKAGE_FIELD_NOT_LINKED: Meaning(
        "A column that is there to link data sets is listed where the agreement links them",
        "Amend the agreement to have the linkage, or leave out the named field.",
        "DSfC data catalogue: SHMI holds EPIKEY, for linkage where the agreement permits it",
    ),
    Code.LINKAGE_FIELD_WITHOUT_REASON: Meaning(
        "A column that is there to link data sets is listed with a reason",
        "Amend the line to say what the named field is linked with, and why.",
        "DSfC data catalogue: practice code and GP registration number as linkage fields",
    ),
    Code.LINKAGE_NOT_FOR_RECIPIENT: Meaning(
        "Every controller of an agreement that links data sets by a clause of theirs is one whom"
        " the clause is for",
        "Amend the agreement not to link these data sets, or to be without the named controller.",
        "NHS England links drugs and devices relevant to a Specialised Service with the data"
        " submitted routinely",
    ),
    Code.LINKAGE_NOT_WITH_DATA_SET: Meaning(
        "A data set that is linked by a clause is linked with what the clause names alone",
        "Amend the agreement's linkage to leave out the named data set.",
        "NHS England links drugs and devices relevant to a Specialised Service with the data"
        " submitted routinely",
    ),
    Code.LINKAGE_NOT_NARROWED: Meaning(
        "A line of a data set that is linked by a clause is about the records of that clause",
        "Amend the line to filter its rows by the named column.",
        "NHS England links drugs and devices relevant to a Specialised Service with the data"
        " submitted routinely",
    ),
    Code.CATALOGUE_UNKNOWN: Meaning(
        "The catalogue has the data set's file with the digest that the line names",
        "Amend the line to a published version of the data set.",
        "A line is signed for one published version of its data set",
    ),
    Code.S251_EXPIRED: Meaning(
        "The section 251 approval that the line relies on covers it today",
        "Record the approval's extension, or amend the line to rely on another route.",
        "HRA register of CAG approvals: each has an end; HSCA 2012 s261(7)",
    ),
    Code.OPT_OUT_NOT_APPLIED: Meaning(
        "Opt-outs are upheld where the rule of the day wants it, from a list that is new enough",
        "Amend the line to uphold opt-outs; have the file prepared with a newer list.",
        "National data opt-out: operational policy; technical guidance: only short-term caching",
    ),
    Code.ASSURANCE_LAPSED: Meaning(
        "Each party's security assurance is acceptable today",
        "The named party publishes a toolkit assessment that meets the standards.",
        "DARS Standard 2a, Security Assurance v2.0",
    ),
    Code.ICO_LAPSED: Meaning(
        "Each party's data protection fee is paid today",
        "The named party renews its registration, and it is recorded.",
        "DARS Standard Data Protection Act Registration; ICO page on the data protection fee",
    ),
    Code.ICO_NUMBER_DIFFERS: Meaning(
        "The document names each party's registration by the number that is on record",
        "Amend the agreement to the number on record, or have the registration recorded.",
        "DARS Standard Data Protection Act Registration",
    ),
    Code.LEGAL_BASIS_UNKNOWN: Meaning(
        "Each controller has a basis under article 6, and each basis and condition is the law's",
        "Amend the agreement to a basis of articles 6 and 9 or a condition of Schedule 1.",
        "DARS Standard 1b, Data Controllers; UK GDPR articles 6 and 9; DPA 2018 Schedule 1; "
        "HSCA 2012 s261",
    ),
    Code.LCR_MISSING: Meaning(
        "Each commissioner of the population has an active legitimate relationship, which names"
        " whoever processes for it",
        "Set up or amend the relationship of the named commissioner.",
        "DSfC page on legitimate relationships",
    ),
    Code.ENVIRONMENT_MISMATCH: Meaning(
        "The client belongs to the recipient environment that the line names",
        "Ask with a client of that environment, or have this client registered in it.",
        "Approval CAG 7-07(b) and (c)/2013: invoice validation only inside a controlled "
        "environment for finance",
    ),
    Code.ENVIRONMENT_NOT_LISTED: Meaning(
        "A controlled environment for finance or a risk-stratification supplier is listed today in "
        "NHS England's register of its kind, for each controller",
        "Have the register of the day imported, or let the data land in an environment that is "
        "listed.",
        "Approvals CAG 7-07 and CAG 7-04(a)/2013: only environments and suppliers that NHS England"
        " lists",
    ),
    Code.ORGANISATION_CLOSED: Meaning(
        "Each party and each recipient, and the legal entity behind it, is open in the loaded lists"
        " today, itself or by a transfer",
        "Record the instrument by which its standing passed on, or amend the agreement.",
        "Organisation Data Service: codes close and merge; a contract is the legal entity's",
    ),
    Code.IMPORT_WAITING: Meaning(
        "Nothing that waits for a second person would take the permission away",
        "A second person confirms the list that waits, or it is taken back.",
        "A list that changes much waits for a second person, and the stricter of both holds "
        "meanwhile",
    ),
    Code.MAP_TAKEN_BACK: Meaning(
        "The maps by which the file was made have not been taken back",
        "Have the extract prepared again, with the map that governs now.",
        "A map that was taken back is not relied on",
    ),
    Code.CONDITION_OVERDUE: Meaning(
        "No special condition is overdue",
        "Fulfil the named condition, and have it recorded.",
        "DARS Standard 6, Special Conditions",
    ),
    Code.NOT_PUBLISHED_YET: Meaning(
        "Where the data set waits for publication, the period was published",
        "Wait for the publication of the named period.",
        "DSfC data catalogue: SHMI, CSDS and GP Workforce only after the matching publication",
    ),
    Code.OUT_OF_POPULATION: Meaning(
        "Every row has a reason that names a commissioner of the line",
        "Have the extract prepared again; amend the line where the population changed.",
        "NHS England Reusable Code Library, Reasons for Access: a commissioner receives only "
        "records with its code",
    ),
    Code.PCD_LEAK: Meaning(
        "The scan for personal data in texts and codes covered the file and found nothing",
        "The haven has to find out why the mask failed; then have it prepared again.",
        "NCDR reference library: code fields are scanned for NHS number, postcode and date of "
        "birth",
    ),
    Code.CAP_UNDONE: Meaning(
        "No column of the file tells what another column of the line, or of a line whose people"
        " have the same tokens, hides",
        "Have the extract prepared again: the haven caps or withholds the named column. To be told"
        " it, amend the agreement so that the other columns are left out.",
        "What one column of a line caps, no other one tells",
    ),
    Code.GROUP_TOO_SMALL: Meaning(
        "As many people as the line demands share what could single them out",
        "Ask for fewer or coarser columns; or amend the line's limit.",
        "ICO, Anonymisation: managing data protection risk, on k-anonymity; the limit is the"
        " agreement's own",
    ),
    Code.DOMAIN_MISMATCH: Meaning(
        "The tokens were made in this line's pseudonym domain",
        "Have the extract prepared again under the line as it is now.",
        "NHS Digital De-ID page: other pseudonyms for each release of data by DARS",
    ),
    Code.DOMAIN_TRANSFERRED: Meaning(
        "The pseudonym domain of the line has not gone on in another recipient environment",
        "Ask with a client of the environment in which it goes on; destroy what is still held.",
        "No two recipient environments hold equal tokens",
    ),
    Code.DOMAIN_STILL_HELD: Meaning(
        "No transfer of the line's pseudonym domain waits for the former environment",
        "The former environment certifies the destruction of its files, two people accept it, and"
        " the contract manager puts the transfer into effect"
        " (`POST /v1/domain-transfers/{id}/effect`); or it is withdrawn, and the environment begins"
        " with tokens of its own.",
        "No two recipient environments hold equal tokens",
    ),
    Code.DISCLOSURE_RULE_MISSING: Meaning(
        "The line names the disclosure rule of what is made from the data, and the rule says how"
        " what is counted is protected",
        "Amend the line to name the rule; count what the catalogue has a measure for.",
        "DSfC data catalogue: outputs follow the rule of their data set; for GP Workforce the "
        "rule is set in the application",
    ),
    Code.DISCLOSURE_RULE_UNKNOWN: Meaning(
        "The line's disclosure rule is that of its data set",
        "Amend the line to the rule that the catalogue has for the data set.",
        "DSfC data catalogue: outputs follow the rule of their data set",
    ),
    Code.OPT_OUT_DIFFERENCING: Meaning(
        "The environment holds no file of the data set and period that, beside this one, would tell"
        " who objected: none with the other treatment, nor of the same editions with another list",
        "Ask for the period with the treatment that was used first; what it holds already stays"
        " right. With a newer list the period waits for its next edition: place a standing order of"
        " it, which asks as soon as that is landed.",
        "medConfidential on the release register: two files of one month that differ by "
        "opt-outs list who opted out",
    ),
    Code.FILE_VOID: Meaning(
        "Nothing that the file was made with was taken back after it had been in force, and no"
        " other file has taken its place before anything of it was fetched",
        "Fetch the file of the later extract of the period, or ask for the period again; destroy"
        " what was fetched of this one.",
        "Two files of the same rows, made with two lists, list who objected",
    ),
    Code.FILE_DESTROYED: Meaning(
        "No destruction of the file was certified and accepted",
        "Ask for the period again, where the agreement still has it.",
        "Contract and agreements page: what a recipient holds is destroyed, and stays so",
    ),
    Code.EDITION_UNSAFE: Meaning(
        "Every edition in the file was taken in by landing rules that are known, and safe today",
        "The haven lands the edition anew from the kept upload, or its provider submits the period"
        " again; then ask for the period again.",
        "NHS Data Dictionary, WITHHELD IDENTITY REASON: identifiers should have been left out",
    ),
    Code.DIRECT_CARE_ONLY: Meaning(
        "Whom a token stands for is told to a GP practice alone, of a line of records for risk"
        " stratification",
        "The practice where the patient is registered asks; commissioners and those who process"
        " for them work with tokens.",
        "NHS England's pages on risk stratification: only the GP can see which of their patients"
        " a score is about",
    ),
    Code.INVOICE_VALIDATION_ONLY: Meaning(
        "NHS numbers are matched by a line of identifiable records for invoice validation",
        "Ask by that line, from its controlled environment for finance.",
        "NHS England's pages on invoice validation: the NHS number, to confirm backing data, inside"
        " a controlled environment for finance",
    ),
    Code.CHANGE_SET_NOT_IN_DSA: Meaning(
        "The line allows change sets, where one is asked for",
        "Ask for the extract without `changes_since`, or have the agreement amended.",
        "What a line gives is what was agreed",
    ),
    Code.EARLIER_EXTRACT_NOT_HELD: Meaning(
        "The recipient environment holds the earlier extract that a change set is to lead from",
        "Name in `changes_since` a released extract of the same months of which you have fetched a"
        " file.",
        "A change set tells its recipient nothing that is not in the two extracts",
    ),
    Code.EARLIER_EXTRACT_OF_ANOTHER_LINE: Meaning(
        "The earlier extract was released under the same agreement and line",
        "Name an extract of the line that you ask for.",
        "A change set tells its recipient nothing that is not in the two extracts",
    ),
    Code.EARLIER_EXTRACT_OF_OTHER_COLUMNS: Meaning(
        "The earlier extract has the columns that are asked for, in the same forms",
        "Ask for the same `fields` as then; where the line was amended since, ask without"
        " `changes_since`.",
        "A change set tells its recipient nothing that is not in the two extracts",
    ),
    Code.EARLIER_EXTRACT_OF_OTHER_ROWS: Meaning(
        "The earlier extract is of the same months and filters, and has a Parquet file",
        "Ask for the same `periods` and `filters` as then, or without `changes_since`.",
        "A change set tells its recipient nothing that is not in the two extracts",
    ),
    Code.RISK_STRATIFICATION_ONLY: Meaning(
        "Scores come back by a line of records for risk stratification, from its supplier",
        "Send them by the line under which the records were supplied, from the supplier's own"
        " environment.",
        "NHS England's pages on risk stratification: the supplier's results, to the GP of their own"
        " patients and without identity to the commissioner",
    ),
    Code.BRIDGING_NOT_IN_DSA: Meaning(
        "The linkage of both agreements allows a bridging file of these data sets on that day",
        "Amend the linkage of the agreement that the refusal is about to name the other one, as"
        " `bridging_file`, with both data sets and a first day.",
        "Data sets of one recipient are linked by a separate bridging file and not by one"
        " pseudonym, where each agreement says so",
    ),
    Code.BRIDGING_NOT_FOR_LINE: Meaning(
        "Pseudonyms are paired of lines of pseudonymised records, and of no practice's",
        "Name two lines of pseudonymised records that land in the same recipient environment.",
        "Whoever knows the people needs no pairs; whoever must not know them gets nothing else",
    ),
    Code.BRIDGING_SAME_DOMAIN: Meaning(
        "The two lines of a bridging file have two pseudonym domains",
        "Join the files by their tokens: somebody has one in both.",
        "Equal tokens where the agreement's linkage lists the data sets",
    ),
    Code.BRIDGING_FILE_GIVEN: Meaning(
        "No bridging file of the two pseudonym domains was released before",
        "Fetch the file that was released, while both agreements allow it; it is given once.",
        "A second file, made on another day, would tell by its difference who came and went",
    ),
    Code.BREACH_OPEN: Meaning(
        "The line is not held",
        "Two people lift the hold once its cause is gone.",
        "DARS guidance on breaches: the activity stops first; the Body may end agreement and "
        "contract",
    ),
}
