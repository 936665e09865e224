"""`sonde tf` is `sonde terraform`."""


def test_tf_is_terraform(sonde):
    said = [sonde(name, "plan", "vpc").stderr for name in ("terraform", "tf")]
    assert said[0] == said[1]
    assert "stack is required" in said[0]
