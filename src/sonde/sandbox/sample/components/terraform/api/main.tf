variable "stage" {
  type = string
}

variable "image" {
  type = string
}

variable "replicas" {
  type = number
}

resource "terraform_data" "deployment" {
  input = { name = "${var.stage}-api", image = var.image, replicas = var.replicas }
}

resource "terraform_data" "migration" {
  triggers_replace = [var.image]
}

output "url" {
  value = "https://api.${var.stage}.example.com"
}
