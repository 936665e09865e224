"""Several components in one checkout, and `sonde terraform` for them."""

import pytest
from several import TERRAFORM, Infra


@pytest.fixture
def infra(checkout, tmp_path):
    return Infra(checkout, tmp_path)


@pytest.fixture
def terraform(sonde, infra):
    def run(*argv, **more):
        return sonde("terraform", *argv, env={**TERRAFORM, **more})

    return run
