"""Which tests keep the promises of reliability.md §2: each row of the table of threats, and where to look.

What a row wants and nobody has built is listed in LACKING, with the reason; it is no secret.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
KEPT = {
    "T1 a forged or confused token": {
        "server/test_token_verifier.py": (
            "test_every_wycheproof_signature_is_judged_as_its_file_says",
            "test_every_wycheproof_key_set_is_judged_as_its_file_says",
            "test_a_token_with_one_bit_flipped_anywhere_is_refused",
            "test_a_token_with_other_characters_anywhere_is_refused",
            "test_a_header_that_says_more_than_it_may_is_refused",
            "test_an_algorithm_that_needs_no_private_key_is_refused",
            "test_what_we_accept_another_library_accepts_too",
        ),
    },
    "T2 a token used twice": {
        "server/test_exchange.py": (
            "test_of_many_exchanges_of_one_token_one_wins",
            "test_of_many_exchanges_of_one_token_at_two_replicas_one_wins",
        ),
        "server/test_purge.py": ("test_a_used_token_id_stays_as_long_as_its_token_could_be_replayed",),
    },
    "T3 a token relayed from another server": {
        "server/test_live_runs.py": (
            "test_a_run_that_has_finished_is_refused",
            "test_a_run_that_github_does_not_know_is_refused",
            "test_the_shared_audience_can_be_switched_off_wherever_it_is_named",
        ),
        "server/web/test_pages_security.py": (
            "test_the_shared_audience_is_red_with_why_and_how_to_turn_it_off",
            "test_nothing_is_red_once_it_is_off",
        ),
        "server/test_real_clients.py": ("test_our_client_asks_github_for_the_servers_own_audience_where_it_is_told",),
    },
    "T4 a name that somebody else has now": {
        "server/test_exchange.py": (
            "test_the_same_name_with_another_id_is_refused",
            "test_a_renamed_repository_keeps_its_rights_and_its_new_name",
        ),
        "server/test_token_verifier.py": (
            "test_a_token_without_a_claim_that_binds_it_is_refused",
            "test_both_formats_of_sub_are_taken_because_it_carries_no_authority",
        ),
    },
    "T5 a stranger's pull request that locks, uploads or applies": {
        "server/test_permissions.py": (
            "test_the_table_of_events_and_permissions_is_the_committed_one",
            "test_taking_a_claim_away_never_gives_more",
            "test_a_job_of_pull_request_target_may_read_and_writes_only_where_a_row_says_strangers",
        ),
        "server/test_pull_requests.py": ("test_a_pull_request_from_a_fork_is_recorded_explained_and_not_dispatched",),
    },
    "T6 another tenant's things": {
        "server/test_tenants.py": (
            "test_what_another_workspace_has_is_answered_like_what_nobody_has",
            "test_a_batch_of_the_same_id_in_another_workspace_is_another_batch",
        ),
        "server/test_wall.py": (
            "test_every_table_with_rows_of_a_workspace_has_the_policy",
            "test_who_acts_for_a_workspace_sees_its_rows_and_no_others",
            "test_a_query_that_forgets_the_workspace_is_answered_as_if_there_was_none",
            "test_whatever_a_route_of_the_api_does_is_done_for_the_workspace_of_its_caller",
        ),
        "server/test_exec.py": ("test_another_workspace_neither_reads_nor_names_a_result",),
        "server/test_exchange.py": ("test_a_static_token_of_one_repository_does_not_reach_another",),
    },
    "T7 a forged or repeated webhook": {
        "server/test_webhooks.py": (
            "test_githubs_own_example_of_a_signature_fits",
            "test_one_changed_bit_anywhere_in_the_body_is_401",
            "test_the_same_bytes_under_another_id_have_no_second_effect",
            "test_a_server_without_a_secret_answers_503_to_every_delivery",
            "test_a_secret_that_was_replaced_is_good_for_a_day_more",
        ),
        "server/test_start.py": ("test_an_app_that_is_half_configured_is_78_and_names_the_rest",),
    },
    "T8 a branch that moves between approval and run": {
        "server/test_moved_heads.py": (
            "test_an_apply_is_only_ever_of_the_commit_that_was_merged",
            "test_a_plan_is_only_ever_of_a_commit_whose_upload_named_it",
        ),
        "server/test_pull_requests.py": ("test_an_author_without_write_access_is_held_until_a_member_allows_this_sha",),
    },
    "T9 templates of strangers": {
        "gotemplate/test_closed.py": (
            "test_a_bomb_is_refused_with_its_reason",
            "test_a_bomb_costs_little",
            "test_every_allowed_function_exists",
        ),
    },
    "T10 bodies that are large, deep, many or slow": {
        "server/test_bad_input.py": (
            "test_a_body_that_is_no_request_is_400_in_an_envelope",
            "test_a_gzip_bomb_is_413_once_it_is_over_the_cap",
        ),
        "server/test_envelopes.py": ("test_a_body_is_taken_up_to_its_cap_and_not_a_byte_more",),
        "server/test_large_bodies.py": (
            "test_a_million_keys_are_refused_long_before_they_are_built",
            "test_others_have_their_turn_while_a_bomb_is_unpacked",
        ),
        "server/test_patience.py": (
            "test_who_trickles_is_ended_like_who_stands_still",
            "test_others_are_served_while_a_thousand_trickle",
        ),
    },
    "T11 texts and numbers that no database stores": {
        "server/test_bad_input.py": (
            "test_a_field_of_any_value_gets_an_envelope_and_the_same_status_on_both_databases",
            "test_an_escaped_nul_is_refused_by_name_since_postgresql_cannot_store_it",
            "test_the_same_field_twice_gets_an_envelope",
        ),
    },
    "T19 commits and tokens that reach too far": {
        "server/test_git_commit.py": (
            "test_a_path_out_of_bounds_is_refused",
            "test_a_forbidden_path_refuses_the_whole_request_wherever_it_stands",
            "test_a_pull_request_of_the_default_branch_is_refused",
        ),
        "server/test_sts_tokens.py": (
            "test_a_source_that_trusts_the_job_gives_a_token_that_reads_it_and_nothing_else",
            "test_only_the_policy_of_the_default_branch_counts",
        ),
    },
    "T20 floods of guesses and unknown keys": {
        "server/test_strangers.py": (
            "test_of_a_thousand_bad_tokens_most_are_not_looked_at_and_all_others_are_served_meanwhile",
            "test_an_address_that_failed_too_often_costs_a_look_at_the_database_a_second",
            "test_a_job_is_served_where_its_neighbours_failed_and_may_renew_its_session",
            "test_who_guesses_the_password_is_not_looked_at_any_more_but_links_are",
        ),
        "server/test_issuer_keys.py": (
            "test_ten_thousand_unknown_key_ids_make_one_fetch_a_minute",
            "test_an_unknown_key_id_costs_no_thread_while_nothing_is_fetched",
            "test_who_has_a_key_does_not_wait_for_somebody_who_fetches",
        ),
        "server/web/test_pages_signin.py": (
            "test_a_password_is_guessed_only_so_often_and_links_go_on",
            "test_who_guesses_makes_nobody_wait_who_writes",
        ),
    },
    "T22 keys that are bad, old or taken back": {
        "server/test_issuer_keys.py": (
            "test_bad_keys_never_replace_good_ones",
            "test_a_key_that_its_issuer_took_back_is_worth_nothing_after_an_hour",
            "test_one_key_under_a_known_id_is_replaced_with_what_the_issuer_says_now",
            "test_a_document_that_cannot_be_one_of_keys_is_not_read_to_its_end",
        ),
    },
}
LACKING: dict[str, str] = {}


@cache
def functions(file):
    """The names of what a file of tests defines."""
    return {node.name for node in ast.walk(ast.parse((TESTS / file).read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("threat", KEPT)
def test_each_threat_is_met_by_tests_that_exist(threat):
    for file, names in KEPT[threat].items():
        assert not set(names) - functions(file)


def test_the_threats_of_the_wire_are_all_here():
    wanted = {f"T{number}" for number in (*range(1, 12), 19, 20, 22)}
    assert {threat.partition(" ")[0] for threat in KEPT} == wanted
    assert LACKING.keys() <= wanted
