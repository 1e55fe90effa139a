"""What is delivered, and under which licences: the inventory, the bill of materials, the page of licences."""
