variable "stage" {
  type = string
}

variable "kubernetes_version" {
  type = string
}

variable "node_count" {
  type = number
}

resource "terraform_data" "control_plane" {
  input = { name = "${var.stage}-cluster", version = var.kubernetes_version }
}

resource "terraform_data" "node" {
  count = var.node_count

  input            = { name = "${var.stage}-node-${count.index}" }
  triggers_replace = [var.kubernetes_version]
}

output "endpoint" {
  value = "https://${terraform_data.control_plane.output.name}.internal"
}

output "nodes" {
  value = terraform_data.node[*].output.name
}
