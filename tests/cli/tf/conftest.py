"""Several components in one checkout, and `sonde terraform` for them."""

import pytest
from several import Infra


@pytest.fixture
def infra(checkout, tmp_path):
    return Infra(checkout, tmp_path)


@pytest.fixture
def terraform(sonde, infra):
    def run(*argv, **more):
        return sonde("terraform", *argv, env={"CHECKPOINT_DISABLE": "1", **more})

    return run
