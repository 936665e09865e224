variable "stage" {
  type = string
}

variable "cidr" {
  type = string
}

variable "zones" {
  type = list(string)
}

resource "terraform_data" "network" {
  input = { name = "${var.stage}-network", cidr = var.cidr }
}

resource "terraform_data" "subnet" {
  for_each = { for number, zone in var.zones : zone => cidrsubnet(var.cidr, 4, number) }

  input            = { name = "${var.stage}-${each.key}", cidr = each.value }
  triggers_replace = [var.cidr]
}

output "subnets" {
  value = { for zone, subnet in terraform_data.subnet : zone => subnet.output.cidr }
}
